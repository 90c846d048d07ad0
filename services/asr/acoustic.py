"""Samples → what the sound itself is like, words aside. Pure."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.asr.model import ACOUSTIC, ACOUSTIC_MOST_SAMPLES
from services.inference.port import InferenceClient
from services.serving.errors import FailedPrecondition


@dataclass(frozen=True, slots=True)
class AcousticFeatures:
    """``frames`` ``[n, 64]``, one each 0.1 s begun; ``model`` is their vector space, as "acoustic@1"."""

    frames: NDArray[np.float32]
    model: str


async def acoustic_features(
    inference: InferenceClient, samples: NDArray[np.float32], *, timeout_seconds: float
) -> AcousticFeatures:
    """Give the features of the first 30 s of mono 16 kHz samples (-1 to 1; at least one).

    Raises:
        Unavailable, DeadlineExceeded: from the model.
        FailedPrecondition: ACOUSTIC_MODEL_INCOMPATIBLE, when its manifest does not say its version.
    """
    heard = samples[:ACOUSTIC_MOST_SAMPLES]
    tensors, parameters = await asyncio.gather(
        inference.infer(ACOUSTIC, {"samples": heard}, timeout_seconds=timeout_seconds),
        # Each time anew: the model may be replaced under a running service.
        inference.parameters(ACOUSTIC),
    )
    return AcousticFeatures(tensors["frames"], _identity(parameters))


def _identity(parameters: Mapping[str, str]) -> str:
    try:
        return f"{ACOUSTIC.name}@{json.loads(parameters['manifest'])['version']}"
    except (LookupError, TypeError, ValueError) as error:
        raise FailedPrecondition(
            "ACOUSTIC_MODEL_INCOMPATIBLE",
            "the manifest of acoustic is not of this release: run"
            " `python -m training.export --only acoustic` and load the model",
        ) from error
