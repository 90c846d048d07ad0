"""Triton's Python backends run on the container's interpreter, which has nothing of ours."""

import ast
from pathlib import Path

import pytest

BACKENDS = Path("training/export/backends")
OURS = {"frontdesk", "gateway", "services", "tests", "training"}


def imported(file: Path) -> set[str]:
    """First names of all modules that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("backend", sorted(path.name for path in BACKENDS.iterdir() if path.is_dir()))
def test_a_backend_imports_nothing_of_ours(backend: str) -> None:
    files = list((BACKENDS / backend).glob("*.py"))
    assert BACKENDS / backend / "model.py" in files
    assert {file.name: found for file in files if (found := imported(file) & OURS)} == {}
