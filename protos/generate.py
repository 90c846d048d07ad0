"""Generates Python code and type stubs from the .proto files into build/protos.

python protos/generate.py
"""

import shutil
import sys
import sysconfig
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

SOURCE = Path(__file__).resolve().parent
OUTPUT = SOURCE.parent / "build" / "protos"


def main() -> None:
    """Replace the generated package by a fresh one; exit with 1 on a fault."""
    package = OUTPUT / "frontdesk"
    shutil.rmtree(package, ignore_errors=True)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    plugins = [
        f"--plugin={name}={path}"
        for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
        if (path := shutil.which(name, path=f"{Path(sys.executable).parent}:{sysconfig.get_path('scripts')}"))
        or (path := shutil.which(name))
    ]
    code = protoc.main(
        [
            "protoc",
            f"-I{SOURCE}",
            f"-I{files('grpc_tools') / '_proto'}",
            *plugins,
            f"--python_out={OUTPUT}",
            f"--grpc_python_out={OUTPUT}",
            f"--mypy_out={OUTPUT}",
            f"--mypy_grpc_out={OUTPUT}",
            *(str(path.relative_to(SOURCE)) for path in sorted(SOURCE.rglob("*.proto"))),
        ]
    )
    if code:
        sys.exit(code)
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        (folder / "__init__.py").touch()


if __name__ == "__main__":
    main()
