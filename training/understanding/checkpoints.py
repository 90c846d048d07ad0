"""Checkpoints that resume exactly: weights, optimizer, place in the data, random numbers of each process."""

import errno
import logging
import os
import random
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

_NAME = "checkpoint.pt"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a training stands: ``epoch`` and ``batch`` within it are those to be done next, both from 0."""

    epoch: int = 0
    batch: int = 0
    step: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was kept: ``random_states`` has that of each process, in their order."""

    path: Path
    place: Place
    states: Mapping[str, Any]
    random_states: Sequence[Mapping[str, Any]]

    def restore(self, states: Mapping[str, Any], process: int = 0) -> Mapping[str, Any]:
        """Load into ``states``, and set the random numbers of a process; gives the plain values.

        Raises ``ValueError`` where they are not those that were kept, or do not fit.
        """
        plain = dict(self.states)
        try:
            for name, state in states.items():
                state.load_state_dict(plain.pop(name))
            set_random_state(self.random_states[process])
        except (LookupError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(
                f"{self.path}: the checkpoint is of another version of this program ({_first_line(error)}):"
                " remove it, and the training begins anew"
            ) from error
        return plain


class Checkpoints:
    """The last checkpoint of a training, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / _NAME

    def save(
        self,
        place: Place,
        states: Mapping[str, Any],
        identity: str,
        random_states: Sequence[Mapping[str, Any]],
    ) -> None:
        """Keep a checkpoint; the one before stays until this one is whole.

        ``states`` have ``state_dict`` and ``load_state_dict``, or are plain values (numbers, texts,
        tensors, and lists and dictionaries of them); ``identity`` names arguments and data. Raises
        ``OSError`` where it cannot be written.
        """
        partial = self._path.with_suffix(".partial")
        content = {
            "identity": identity,
            "place": (place.epoch, place.batch, place.step),
            "states": {
                name: each.state_dict() if hasattr(each, "state_dict") else each
                for name, each in states.items()
            },
            "random_states": list(random_states),
        }
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                torch.save(content, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self._path)
        except (OSError, RuntimeError) as error:  # torch's writer says RuntimeError where the disk is full
            partial.unlink(missing_ok=True)
            kept = "the one before is whole" if self._path.exists() else "there is none before it"
            raise OSError(
                getattr(error, "errno", None) or errno.ENOSPC,
                f"the checkpoint cannot be written ({error}); {kept}. Free some disk, and start the same"
                " training again: it goes on from there",
                str(self._path),
            ) from error

    def read(self, identity: str) -> Checkpoint | None:
        """Read the last checkpoint; None without one.

        Where it is of other data or arguments, or damaged, a warning says so and the training begins
        anew: it comes to the same result, only later.
        """
        try:
            with zipfile.ZipFile(self._path) as archive:
                if damaged := archive.testzip():  # torch does not look at the checksums that it writes
                    raise ValueError(f"{damaged} is damaged")
            content = torch.load(self._path, map_location="cpu", weights_only=True)
            known = content["identity"]
            found = Checkpoint(
                self._path, Place(*content["place"]), content["states"], content["random_states"]
            )
        except FileNotFoundError:
            return None
        except (PermissionError, MemoryError):
            raise
        except Exception as error:  # whatever zipfile, pickle and torch make of damaged bytes
            _logger.warning(
                "%s: the checkpoint is damaged (%s): the training begins anew", self._path, _first_line(error)
            )
            return None
        if known != identity:
            _logger.warning(
                "%s: the checkpoint is of other data, arguments or processes: the training begins anew",
                self._path,
            )
            return None
        return found

    def clear(self) -> None:
        """Forget it: the training is done."""
        self._path.unlink(missing_ok=True)
        if self._path.parent.is_dir() and not any(self._path.parent.iterdir()):
            self._path.parent.rmdir()


def random_state() -> dict[str, Any]:
    """The random numbers of this process: Python's, NumPy's and torch's."""
    version, words, gauss = random.getstate()
    name, keys, *rest = np.random.get_state()
    return {
        "python": (version, list(words), gauss),
        "numpy": (name, torch.from_numpy(np.asarray(keys, np.int64)), *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """Go on with the random numbers that ``random_state`` gave."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
