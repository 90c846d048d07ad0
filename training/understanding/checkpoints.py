"""Checkpoints that resume exactly: weights, optimizer, place in the data, random numbers."""

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

_NAME = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a training stands: ``epoch`` and ``batch`` within it are those to be done next, both from 0."""

    epoch: int = 0
    batch: int = 0
    step: int = 0


class Checkpoints:
    """The last checkpoint of a training, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME

    def save(self, place: Place, states: Mapping[str, Any], identity: str) -> None:
        """Keep a checkpoint; the one before stays until this one is whole.

        ``states`` have ``state_dict`` and ``load_state_dict``, or are plain values; ``identity``
        names arguments and data.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        content = {
            "identity": identity,
            "place": (place.epoch, place.batch, place.step),
            "states": {
                name: each.state_dict() if hasattr(each, "state_dict") else each
                for name, each in states.items()
            },
            "torch_random": torch.get_rng_state(),
            "cuda_random": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "numpy_random": np.random.get_state(),
            "python_random": random.getstate(),
        }
        try:
            with partial.open("wb") as file:
                torch.save(content, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self._path)
        except (OSError, RuntimeError) as error:  # torch's writer says RuntimeError where the disk is full
            partial.unlink(missing_ok=True)
            raise OSError(
                f"{self._path}: the checkpoint cannot be written ({error}): free some disk"
            ) from error

    def resume(self, states: Mapping[str, Any], identity: str) -> tuple[Place, Mapping[str, Any]] | None:
        """Load the last checkpoint into ``states``; None without one, or where it is of another training.

        Gives the place, and the plain values that were kept.
        """
        try:
            # Written by us beside the model; holds optimizer and random states, not only tensors.
            content = torch.load(self._path, weights_only=False)
        except FileNotFoundError:
            return None
        if content["identity"] != identity:
            return None
        plain = {}
        for name, state in content["states"].items():
            if name in states and hasattr(states[name], "load_state_dict"):
                states[name].load_state_dict(state)
            else:
                plain[name] = state
        torch.set_rng_state(content["torch_random"])
        if content["cuda_random"]:
            torch.cuda.set_rng_state_all(content["cuda_random"])
        np.random.set_state(content["numpy_random"])
        random.setstate(content["python_random"])
        return Place(*content["place"]), plain

    def clear(self) -> None:
        """Forget it: the training is done."""
        self._path.unlink(missing_ok=True)
