"""What is said, and what is left, where Triton does not run."""

import re
import tempfile
from pathlib import Path

import pytest

from services.triton.installation import Installation, TritonError, explain_exit, find_installation
from services.triton.local_server import LocalTriton
from tests.harness.triton import free_ports


def wheel(folder: Path, python: str) -> Installation:
    (folder / "tritonserver" / "backends" / "python").mkdir(parents=True)
    (folder / "tritonserver" / "python_backend_stubs" / python).mkdir(parents=True)
    return Installation(folder, folder)


def test_a_python_that_the_wheel_has_no_stub_for_is_named_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    repository = tmp_path / "repository"
    repository.mkdir()
    triton = LocalTriton(repository, **free_ports(), installation=wheel(tmp_path / "wheel", "2.7"))
    with pytest.raises(TritonError, match=r"runs models on Python 2\.7, and this is"):
        triton.start()
    assert list(temporary.iterdir()) == []


def test_a_missing_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(TritonError, match="absent is no model repository: make it with `make export`"):
        LocalTriton(tmp_path / "absent").start()


def test_another_system_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(TritonError, match=r"runs on Linux .* run NVIDIA's container"):
        find_installation()


@pytest.mark.parametrize(
    ("log", "hint"),
    [
        ("tritonserver: /lib/libc.so.6: version `GLIBC_2.38' not found", "C library .* too old"),
        ("error while loading shared libraries: libcupti.so", "a shared library is missing"),
        ("something else", "its last lines are\nsomething else"),
    ],
)
def test_an_exit_is_explained_by_the_log(log: str, hint: str) -> None:
    assert re.search(hint, explain_exit(1, log))
