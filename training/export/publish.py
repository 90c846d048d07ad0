"""How a repository changes: all of it at once, or not at all.

An export works on a copy beside the repository, made of hard links. When everything in it is
whole, both change places by one ``renameat2(RENAME_EXCHANGE)``. Whatever is killed before, the
repository is the old one; afterwards, the new one. ADR 14 says why.
"""

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_NO_EXCHANGE: Final = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV, errno.ENOSYS)


class RepositoryFullError(OSError):
    """The disk is full; the repository is what it was."""


@dataclass(frozen=True, slots=True)
class Staged:
    """``repository``: the copy to change. ``interrupted``: what an export that did not end left, if any."""

    repository: Path
    interrupted: Path


@contextmanager
def publishing(repository: Path) -> Iterator[Staged]:
    """Give a copy of ``repository`` to change, which takes its place when the block ends without an error.

    Only new files may be written into the copy, never into those that are there: they are the
    repository's own. One export at a time: others wait. What a killed one left is taken away.

    Raises:
        RepositoryFullError: the disk is full.
        OSError: the folder beside the repository cannot be written.
    """
    repository = repository.resolve()  # where it is a link, what it points to changes
    staged = Staged(_beside(repository, "next"), _beside(repository, "interrupted"))
    try:
        with _alone(repository):
            _heal(repository, staged)
            try:
                if repository.is_dir():
                    link_tree(repository, staged.repository)
                else:
                    staged.repository.mkdir()
                yield staged
                if not _same(staged.repository, repository):
                    swap(staged.repository, repository)
            except Exception as error:
                if not _is_full(error):
                    raise  # what was made stays for the next export
                _take_away(staged)
                raise
            _take_away(staged)
    except Exception as error:
        if not _is_full(error):
            raise
        raise RepositoryFullError(
            f"{repository}: the disk is full. The repository stays as it was: free some space, and"
            " export again"
        ) from error


def _is_full(error: Exception) -> bool:
    # Tokenizers and other libraries have errors of their own for a full disk.
    return getattr(error, "errno", None) in _FULL or "No space left" in str(error)


def _take_away(staged: Staged) -> None:
    shutil.rmtree(staged.repository, ignore_errors=True)
    shutil.rmtree(staged.interrupted, ignore_errors=True)


def swap(new: Path, target: Path) -> None:
    """Put the folder ``new`` in the place of ``target``, which then lies where ``new`` was, or is gone."""
    _sync(new.parent)
    if not target.exists():
        new.rename(target)
    elif not _exchange(new, target):
        # Network and some shared file systems cannot: the old one steps aside for a moment, and
        # the next export puts it back where this one is killed in between.
        old = _beside(target, "old")
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    _sync(target.parent)


def link_tree(source: Path, target: Path) -> None:
    """Make ``target`` a copy of ``source`` that shares its files, where the file system can."""
    shutil.copytree(source, target, copy_function=link)


def link(source: str | Path, target: str | Path) -> None:
    """Make ``target`` the same file as ``source``, or a copy where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(source, target)


def flush(folder: Path) -> None:
    """Bring what was written into ``folder`` to the disk, so that losing power loses nothing of it."""
    for path in [folder, *folder.rglob("*")]:
        _sync(path)


def _beside(folder: Path, purpose: str) -> Path:
    return folder.with_name(f".{folder.name.lstrip('.')}.{purpose}")


def _heal(repository: Path, staged: Staged) -> None:
    """Take away, or keep for use, what exports left that were killed."""
    old = _beside(repository, "old")
    if old.is_dir() and not repository.exists():
        old.rename(repository)
    for leftover in (old, *repository.parent.glob(f"{staged.repository.name}.*")):
        shutil.rmtree(leftover, ignore_errors=True)
    if staged.repository.is_dir():
        shutil.rmtree(staged.interrupted, ignore_errors=True)
        staged.repository.rename(staged.interrupted)


@contextmanager
def _alone(repository: Path) -> Iterator[None]:
    repository.parent.mkdir(parents=True, exist_ok=True)
    with _beside(repository, "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go with the process, also when that is killed
        yield


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change places in one step; whether the file system can."""
    library = ctypes.CDLL(None, use_errno=True)
    try:
        rename = library.renameat2
    except AttributeError:  # not Linux, or a C library of before 2018
        return False
    names = os.fsencode(one), os.fsencode(other)
    if rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
        return True
    if (number := ctypes.get_errno()) in _NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno in _FULL:
            raise
        # Some file systems cannot bring a folder to the disk by itself.
    finally:
        os.close(number)


def _same(one: Path, other: Path) -> bool:
    """Whether both are folders of the very same files."""
    if not other.is_dir():
        return False
    files, others = _files(one), _files(other)
    return files.keys() == others.keys() and all(
        (found.st_dev, found.st_ino, found.st_size) == (kept.st_dev, kept.st_ino, kept.st_size)
        for found, kept in ((files[name], others[name]) for name in files)
    )


def _files(folder: Path) -> dict[str, os.stat_result]:
    return {str(path.relative_to(folder)): path.stat() for path in folder.rglob("*") if path.is_file()}
