"""Finds the ``tritonserver`` that the nvidia-pytriton wheel carries, and what it needs to run here."""

import importlib.util
import os
import platform
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path


class TritonError(Exception):
    """Triton does not run here, or not as it should; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Files of the wheel, and the folder of this interpreter's libpython."""

    package: Path
    libpython_folder: Path

    @property
    def binary(self) -> Path:
        """The server."""
        return self.package / "tritonserver" / "bin" / "tritonserver"

    def environment(self) -> dict[str, str]:
        """Environment variables for the server and the Python processes that it starts."""
        libraries = [self.package.parent / "nvidia_pytriton.libs", self.libpython_folder]
        return {
            **os.environ,
            "LD_LIBRARY_PATH": os.pathsep.join(
                filter(None, [*map(str, libraries), os.environ.get("LD_LIBRARY_PATH")])
            ),
            # The backend runs the first python3 on PATH: it must see what is installed here.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "OMP_WAIT_POLICY": "passive",  # spinning threads cost ten times on a busy machine
            "PYTHONUNBUFFERED": "1",
        }

    def write_backends(self, folder: Path) -> None:
        """Make ``folder`` a backend directory: the Python backend with the stub of this Python version."""
        target = folder / "python"
        target.mkdir(parents=True)
        for file in (self.package / "tritonserver" / "backends" / "python").iterdir():
            (target / file.name).symlink_to(file)
        stub = self._stub()
        (target / stub.name).symlink_to(stub)

    def _stub(self) -> Path:
        stubs = self.package / "tritonserver" / "python_backend_stubs"
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        stub = stubs / version / "triton_python_backend_stub"
        if not stub.is_file():
            known = ", ".join(sorted(folder.name for folder in stubs.iterdir()))
            raise TritonError(f"the Triton of the wheel runs models on Python {known}, and this is {version}")
        return stub


def find_installation() -> Installation:
    """Return the installed Triton.

    Raises:
        TritonError: the wheel is not installed or does not run on this machine.
    """
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
        raise TritonError(
            f"the Triton of the nvidia-pytriton wheel runs on Linux x86-64 and aarch64 only, and this is "
            f"{platform.system()} {platform.machine()}: run NVIDIA's container and point "
            "FRONTDESK_<SERVICE>_TRITON_URL to it"
        )
    found = importlib.util.find_spec("pytriton")
    if found is None or not found.submodule_search_locations:
        raise TritonError("the nvidia-pytriton wheel is not installed: pip install 'frontdesk[triton]'")
    installation = Installation(Path(found.submodule_search_locations[0]), _libpython_folder())
    if not installation.binary.is_file():
        raise TritonError(f"{installation.binary} is missing: reinstall nvidia-pytriton")
    return installation


def explain_exit(status: int, log: str) -> str:
    """Say why a server that ended while starting did so, from its exit status and its log."""
    last = [line for line in log.splitlines() if line.strip()][-15:]
    if "GLIBC" in log or "GLIBCXX" in log:
        glibc = " ".join(platform.libc_ver())
        hint = (
            f"this system's C library ({glibc}) is too old for the wheel: use a distribution of 2022 or later"
        )
    elif "error while loading shared libraries" in log:
        hint = "a shared library is missing: install the one named below"
    else:
        hint = "its last lines are"
    return "\n".join([f"tritonserver ended with status {status}: {hint}", *last])


def _libpython_folder() -> Path:
    name = sysconfig.get_config_var("INSTSONAME") or ""
    if ".so" in name:
        candidates = [
            sysconfig.get_config_var("LIBDIR") or "",
            os.path.join(sys.base_prefix, "lib"),  # relocated builds name a LIBDIR that does not exist
            os.path.join(
                sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("MULTIARCH") or ""
            ),
        ]
        for folder in candidates:
            if folder and os.path.isfile(os.path.join(folder, name)):
                return Path(folder)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise TritonError(
        f"Triton's Python backend needs the shared library libpython{version}.so, and {sys.executable} has "
        f"none: install it (Debian: apt-get install libpython{version}), or take a Python built with "
        "--enable-shared, such as uv's"
    )
