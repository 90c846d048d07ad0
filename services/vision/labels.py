"""What the models' outputs are called: read from their manifests on Triton.

Pure: no gRPC, no wire types.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from services.inference.port import InferenceClient
from services.inference.spec import ModelSpec
from services.serving.errors import FailedPrecondition, Unavailable
from services.vision.model import EMBEDDING_MODEL, LABELS, VISION_ENCODER, picture_spec

MANIFEST_SECONDS: Final = 10.0
"""How long a manifest is believed before it is read again."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PictureLabels:
    """A domain's labels in the order of its model's outputs; ``model`` as "picture_shop@1"."""

    model: str
    products: tuple[str, ...]
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EncoderLabels:
    """ImageNet's labels in the order of the logits; ``model`` as "vision_encoder@1"."""

    model: str
    labels: tuple[str, ...]


class ModelLabels:
    """Reads the labels of the encoder and of the domains' picture models.

    Raises what ``InferenceClient`` raises, and ``FailedPrecondition`` where a model is of another release.
    """

    def __init__(self, inference: InferenceClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._inference = inference
        self._clock = clock
        self._known: dict[str, tuple[float, Any]] = {}

    async def encoder(self) -> EncoderLabels:
        """Return what the encoder's logits are called."""
        return await self._labels(VISION_ENCODER, _encoder_labels)

    async def domain(self, domain: str) -> PictureLabels | None:
        """Return what a domain's products and kinds are called, None where it has no picture model."""
        spec = picture_spec(domain)
        try:
            return await self._labels(spec, _picture_labels)
        except Unavailable:
            # Triton says the same of a model that is not there and of one that is not there yet.
            if await self._inference.ready(VISION_ENCODER) and not await self._inference.ready(spec):
                return None
            raise

    def forget(self, domain: str) -> None:
        """Read a domain's labels again when they are next asked for."""
        self._known.pop(picture_spec(domain).name, None)

    async def _labels(self, spec: ModelSpec, read: Callable[[str, dict[str, Any]], _T]) -> _T:
        read_at, known = self._known.get(spec.name, (0.0, None))
        if known is not None and self._clock() - read_at <= MANIFEST_SECONDS:
            labels: _T = known
            return labels
        parameters = await self._inference.parameters(spec)
        try:
            manifest = json.loads(parameters["manifest"])
            if manifest["embedding_model"] != EMBEDDING_MODEL:
                raise ValueError("embedding_model")
            labels = read(f"{spec.name}@{manifest['version']}", manifest)
        except (LookupError, TypeError, ValueError) as error:
            raise FailedPrecondition(
                "VISION_MODEL_INCOMPATIBLE",
                f"the manifest of {spec.name} is not of this release: run `python -m training.export` and"
                " load the model",
            ) from error
        self._known[spec.name] = (self._clock(), labels)
        return labels


def _encoder_labels(model: str, manifest: dict[str, Any]) -> EncoderLabels:
    labels = tuple(manifest["labels"])
    if len(labels) != LABELS:
        raise ValueError("labels")
    return EncoderLabels(model, labels)


def _picture_labels(model: str, manifest: dict[str, Any]) -> PictureLabels:
    labels = manifest["labels"]
    return PictureLabels(model, tuple(labels["products"]), tuple(labels["kinds"]))
