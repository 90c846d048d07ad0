"""What a training that was stopped needs to go on as if it had not been."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


class CheckpointError(ValueError):
    """A checkpoint cannot be gone on from, or not be written; the message begins with its file."""


def save(file: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint: whole, or, where the disk is full, not at all.

    Raises:
        CheckpointError: it cannot be written; the one before is still there.
    """
    content = io.BytesIO()
    torch.save(dict(state), content)
    partial = file.with_suffix(".partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content.getbuffer())
        os.replace(partial, file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(f"{file}: cannot be written: {error.strerror}") from error


def load(file: Path, fingerprint: str) -> dict[str, Any]:
    """Read the checkpoint of a training with this fingerprint.

    Raises:
        CheckpointError: there is none, it is damaged, or it is of other data or arguments.
    """
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{file}: is not there: train without --resume") from error
    except Exception as error:  # torch raises many kinds for damaged files
        raise CheckpointError(f"{file}: is damaged: delete it, and train without --resume") from error
    if state.get("fingerprint") != fingerprint:
        raise CheckpointError(
            f"{file}: is of other arguments, clips or transcripts: train as then, or without --resume"
        )
    return state
