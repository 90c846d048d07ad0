"""Whatever is killed when, a repository is the old one or the new one, whole; so it is on a full disk."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from training.export import publish
from training.export.publish import RepositoryFullError, publishing, swap

OLD = {"a/1/model.bin": "old a", "a/config.pbtxt": "1", "b/1/model.bin": "b", "b/config.pbtxt": "1"}
NEW = {"a/1/model.bin": "old a", "a/2/model.bin": "new a", "a/config.pbtxt": "2", "b/1/model.bin": "b"} | {
    "b/config.pbtxt": "1",
    "c/1/model.bin": "c",
    "c/config.pbtxt": "1",
}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # as exporters must: the copy shares the repository's files
        path.write_text(content)


def read(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def leftovers(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.iterdir() if path.name not in ("repository", ".repository.lock")
    )


def export(repository: Path) -> None:
    """Change the repository from OLD to NEW as an export does: each model swapped into the copy."""
    with publishing(repository) as staged:
        for model in ("a", "c"):
            staging = staged.repository.with_name(f"{staged.repository.name}.{model}")
            shutil.rmtree(staging, ignore_errors=True)
            write(staging, {n[2:]: text for n, text in NEW.items() if n[0] == model})
            publish.flush(staging)
            swap(staging, staged.repository / model)
            shutil.rmtree(staging, ignore_errors=True)


def fail(repository: Path, files: dict[str, str], error: Exception) -> None:
    with publishing(repository) as staged:
        write(staged.repository, files)
        raise error


class Filling:
    """A disk that is full after so many calls."""

    def __init__(self, call: Callable[..., Any], allowed: int) -> None:
        self.call = call
        self.left = allowed

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.call(*arguments, **options)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write(tmp_path / "repository", OLD)
    return tmp_path / "repository"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk matters where power is lost, not where a process is killed."""
    monkeypatch.setattr(publish, "_sync", lambda path: None)


def killed_before(step: int, folder: Path, action: Callable[[], None]) -> bool:
    """Run ``action`` in a child that is killed before its ``step``-th operation on files; whether it was."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # of forking with threads: the child forks no more
        child = os.fork()
    if child == 0:
        steps = 0

        def count(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal steps
            if event.startswith(("os.", "open", "shutil.", "fcntl.", "ctypes.")) and event != "os.fspath":
                steps += 1
                if steps == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        status = 1
        try:
            sys.addaudithook(count)
            action()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def steps_of(repository: Path, action: Callable[[], None]) -> Iterator[int]:
    """Kill at each step in turn, beginning with OLD each time; ends when the action came to its end."""
    step = 0
    while True:
        step += 1
        for path in repository.parent.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        write(repository, OLD)
        killed = killed_before(step, repository.parent, action)
        yield step
        if not killed:
            return


def test_a_changed_copy_takes_the_repositorys_place(repository: Path) -> None:
    export(repository)

    assert read(repository) == NEW
    assert leftovers(repository.parent) == []


def test_a_first_export_makes_the_repository(tmp_path: Path) -> None:
    with publishing(tmp_path / "new" / "repository") as staged:
        write(staged.repository, OLD)
        assert not (tmp_path / "new" / "repository").exists()

    assert read(tmp_path / "new" / "repository") == OLD


@pytest.mark.usefixtures("quick")
def test_killed_at_any_step_it_is_the_old_or_the_new_one_and_the_next_export_heals(repository: Path) -> None:
    seen = []
    for step in steps_of(repository, lambda: export(repository)):
        found = read(repository)
        assert found in (OLD, NEW), step
        seen.append(found == NEW)

        export(repository)
        assert read(repository) == NEW, step
        assert leftovers(repository.parent) == [], step

    assert len(seen) > 50
    assert seen == sorted(seen)  # the old one up to one step, the new one from there on
    assert seen[0] is False
    assert seen[-2] is True  # killed while the old one was taken away


@pytest.mark.usefixtures("quick")
def test_without_exchange_it_is_the_old_or_the_new_one_or_put_back(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Network file systems cannot exchange: there is a moment with no repository, but never half of one."""
    monkeypatch.setattr(publish, "_exchange", lambda one, other: False)
    absent = 0
    for step in steps_of(repository, lambda: export(repository)):
        absent += not repository.exists()
        assert not repository.exists() or read(repository) in (OLD, NEW), step

        with publishing(repository):
            pass  # what any next export does first
        assert read(repository) in (OLD, NEW), step
        assert leftovers(repository.parent) == [], step
    assert absent >= 1


def test_an_error_leaves_the_old_one_and_what_was_made_for_the_next_export(repository: Path) -> None:
    with pytest.raises(ValueError, match="no parity"):
        fail(repository, {"c/1/model.bin": "c"}, ValueError("no parity"))
    assert read(repository) == OLD

    with publishing(repository) as staged:
        assert read(staged.repository) == OLD
        assert (staged.interrupted / "c/1/model.bin").read_text() == "c"
    assert leftovers(repository.parent) == []


def test_nothing_changes_places_where_nothing_was_changed(repository: Path) -> None:
    before = repository.stat().st_ino
    with publishing(repository):
        pass
    assert repository.stat().st_ino == before


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), Exception("No space left on device (os error 28)")],
)
def test_a_full_disk_leaves_the_old_one_and_says_so(repository: Path, error: Exception) -> None:
    with pytest.raises(RepositoryFullError, match=r"repository: the disk is full.*stays as it was"):
        fail(repository, {"a/2/model.bin": "half"}, error)

    assert read(repository) == OLD
    assert leftovers(repository.parent) == []


@pytest.mark.parametrize("call", ["mkdir", "link", "fsync"])
def test_a_disk_that_is_full_from_some_call_on(
    repository: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    real = getattr(os, call)
    for allowed in range(40):
        with monkeypatch.context() as patched:
            patched.setattr(os, call, Filling(real, allowed))
            try:
                export(repository)
            except RepositoryFullError:
                pass
            else:
                break
        assert read(repository) in (OLD, NEW)
    assert allowed > 0
    assert read(repository) == NEW


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    mounted = tmp_path / "disk"
    mounted.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mounted)], capture_output=True
    )
    if made.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {made.stderr.decode().strip()}")
    try:
        repository = mounted / "repository"
        write(repository, OLD)
        with pytest.raises(RepositoryFullError, match="the disk is full"), publishing(repository) as staged:
            write(staged.repository, {"a/2/model.bin": "x" * 300_000})
        assert read(repository) == OLD

        export(repository)  # there is room again for what is small
        assert read(repository) == NEW
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def test_one_export_waits_for_the_other(repository: Path) -> None:
    code = f"""
from pathlib import Path
from training.export.publish import publishing
print("begun", flush=True)
with publishing(Path({str(repository)!r})) as staged:
    print((staged.repository / "c").is_dir(), flush=True)
"""
    command = [sys.executable, "-c", code]
    with ExitStack() as until_published:
        staged = until_published.enter_context(publishing(repository))
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "begun\n"
            write(staged.repository, {"c/1/model.bin": "c"})
            assert other.poll() is None
            until_published.close()
            assert other.stdout.read() == "True\n"  # it sees what the first one made
    assert other.returncode == 0
    assert (repository / "c/1/model.bin").read_text() == "c"


def test_a_link_to_a_repository_stays_one(repository: Path, tmp_path: Path) -> None:
    linked = tmp_path / "elsewhere" / "repository"
    linked.parent.mkdir()
    linked.symlink_to(repository)

    export(linked)

    assert linked.is_symlink()
    assert read(repository) == NEW
