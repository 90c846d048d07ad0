"""Tells errors of training in a sentence, without a traceback."""

import errno
import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import typer

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_SAID_OF_A_FULL_DISK: Final = ("no space left", "code: 28", "disk quota", "enospc")


class CommandError(Exception):
    """Something cannot be done; the text says what to do."""

    def __init__(self, text: str, exit_code: int = 1) -> None:
        super().__init__(text)
        self.exit_code = exit_code


@contextmanager
def told(context: typer.Context) -> Iterator[None]:
    """Print what the user can mend and exit: 2 for a wrong command line, 1 for all else."""
    try:
        yield
    except CommandError as error:
        _exit(context, str(error), error.exit_code)
    except FloatingPointError as error:
        _exit(context, f"The training failed: {error}", 1)
    except ModuleNotFoundError as error:
        _exit(context, missing(error.name or str(error)), 1)
    except OSError as error:
        named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        full = error.errno in _FULL or _is_full(str(error))
        _exit(
            context, f"The disk is full: {named}. Free some, then run the same again." if full else named, 1
        )
    except ValueError as error:
        _exit(context, str(error), 1)
    except Exception as error:
        if _is_full(str(error)):
            _exit(context, f"The disk is full ({_line(error)}). Free some, then run the same again.", 1)
        if type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError):
            _exit(context, f"Out of memory: lower batch_size or max_tokens ({_line(error)})", 1)
        raise


def need_torch() -> None:
    """Raise ``CommandError`` where torch is not installed. Does not import it."""
    if importlib.util.find_spec("torch") is None:
        raise CommandError(missing("torch"))


def need_folder(folder: Path, what: str, how: str) -> None:
    """Raise ``CommandError`` where ``folder`` is not there."""
    if not folder.is_dir():
        raise CommandError(f"{folder}: there is no such {what}: {how}")


def missing(module: str) -> str:
    """Say how to get a library that is not installed."""
    return (
        f"{module} is not installed: install Frontdesk's extra `training`, in a clone by"
        " .venv/bin/uv pip install -c constraints.txt -e '.[training]'"
    )


def _is_full(text: str) -> bool:
    return any(said in text.lower() for said in _SAID_OF_A_FULL_DISK)


def _line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _exit(context: Any, text: str, exit_code: int) -> NoReturn:
    if context.obj.json:
        code = "USAGE" if exit_code == 2 else "TRAINING"
        print(json.dumps({"error": {"code": code, "reason": "", "message": text}}, ensure_ascii=False))
    context.obj.error_console.print(text, style="red", markup=False)
    raise typer.Exit(exit_code)
