"""Looks at pictures: decodes once, then embeds, reads and labels at the same time.

Pure: no gRPC, no wire types.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.inference.port import InferenceClient, Tensors
from services.serving.errors import DeadlineExceeded, NotFound, Unavailable
from services.vision.decoding import PictureLimits, decode
from services.vision.labels import ModelLabels, PictureLabels
from services.vision.model import OCR, VISION_ENCODER, picture_spec
from services.vision.preprocessing import encoder_pixels


class Feature(Enum):
    """What can be found out about a picture."""

    POOLED = auto()
    REGIONS = auto()
    TEXT = auto()
    LABELS = auto()
    """ImageNet's."""
    DOMAIN_LABELS = auto()
    """Products and kinds of a domain."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label with its probability, 0 to 1."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of words; its box in fractions of the upright picture, ``confidence`` from 0 to 1."""

    text: str
    left: float
    top: float
    width: float
    height: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Annotation:
    """What was found out; what nobody asked for is empty.

    ``pooled`` float32[1280], ``regions`` float32[49, 1280]. Labels are sorted, the most likely first.
    ``model`` names the one that labelled, "" without labels.
    """

    pooled: NDArray[np.float32] | None = None
    regions: NDArray[np.float32] | None = None
    lines: Sequence[Line] = ()
    labels: Sequence[Label] = ()
    products: Sequence[Label] = ()
    kinds: Sequence[Label] = ()
    model: str = ""


_OUTPUTS: Final = {
    Feature.POOLED: "pooled",
    Feature.REGIONS: "regions",
    Feature.LABELS: "logits",
    Feature.DOMAIN_LABELS: "pooled",
}
"""What the encoder must give for a feature."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """uint8[224, 224, 3] for the encoder, uint8[height, width, 3] for reading."""

    encoder: NDArray[np.uint8]
    reading: NDArray[np.uint8]


class ImageAnnotator:
    """Looks at one picture at a time, at many in parallel.

    ``decoders`` bounds the pictures that are decoded at the same time, and so the memory.
    Raises what ``decode``, ``ModelLabels`` and ``InferenceClient`` raise.
    """

    def __init__(
        self,
        inference: InferenceClient,
        labels: ModelLabels,
        limits: PictureLimits,
        *,
        decoders: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inference = inference
        self._labels = labels
        self._limits = limits
        self._pool = ThreadPoolExecutor(decoders, "decode")
        self._clock = clock

    async def annotate(
        self,
        content: bytes,
        features: Collection[Feature],
        domain: str = "",
        *,
        max_labels: int = 5,
        timeout_seconds: float,
    ) -> Annotation:
        """Find out ``features`` of an encoded picture.

        ``max_labels`` is the most of each sort. Raises ``NotFound`` where the domain's labels are wanted and
        it has no picture model.
        """
        deadline = self._clock() + timeout_seconds
        domain_labels = await self._domain_labels(domain) if Feature.DOMAIN_LABELS in features else None
        loop = asyncio.get_running_loop()
        picture = await loop.run_in_executor(self._pool, _prepared, content, self._limits)
        tasks = (
            asyncio.create_task(self._encode(picture, features, max_labels, deadline)),
            asyncio.create_task(self._read(picture, features, deadline)),
        )
        try:
            seen, lines = await asyncio.gather(*tasks)
        finally:
            for task in tasks:  # where one fails, nobody waits for the other
                task.cancel()
        if domain_labels is not None and seen.pooled is not None:
            of_domain = await self._of_domain(domain, domain_labels, seen.pooled, deadline)
            seen = replace(
                seen,
                products=_likeliest(domain_labels.products, of_domain["products"][0], max_labels),
                kinds=_likeliest(domain_labels.kinds, of_domain["kinds"][0], max_labels),
                model=domain_labels.model,
            )
        return replace(seen, lines=lines)

    async def has_labels(self, domain: str) -> bool:
        """Whether there is a model that tells the domain's products and kinds."""
        return await self._labels.domain(domain) is not None

    async def _domain_labels(self, domain: str) -> PictureLabels:
        labels = await self._labels.domain(domain)
        if labels is None:
            raise NotFound(
                "DOMAIN_HAS_NO_PICTURE_MODEL",
                f"no picture model for domain {domain}: train and export it, or leave domain out",
                field="domain",
            )
        return labels

    async def _encode(
        self, picture: _Picture, features: Collection[Feature], max_labels: int, deadline: float
    ) -> Annotation:
        outputs = {name for feature, name in _OUTPUTS.items() if feature in features}
        if not outputs:
            return Annotation()
        names = await self._labels.encoder() if Feature.LABELS in features else None
        found = await self._inference.infer(
            VISION_ENCODER,
            {"pixels": picture.encoder[None]},
            outputs=sorted(outputs),
            timeout_seconds=self._remaining(deadline),
        )
        return Annotation(
            pooled=found["pooled"][0] if "pooled" in found else None,
            regions=found["regions"][0] if "regions" in found else None,
            labels=_likeliest(names.labels, _softmax(found["logits"][0]), max_labels) if names else (),
            model=names.model if names else "",
        )

    async def _of_domain(
        self, domain: str, labels: PictureLabels, pooled: NDArray[np.float32], deadline: float
    ) -> Tensors:
        found = await self._inference.infer(
            picture_spec(domain), {"pooled": pooled[None]}, timeout_seconds=self._remaining(deadline)
        )
        sizes = [found[name].shape[-1] for name in ("products", "kinds")]
        if sizes != [len(labels.products), len(labels.kinds)]:
            self._labels.forget(domain)
            raise Unavailable("PICTURE_MODEL_CHANGED", "the picture model was just replaced: try again")
        return found

    async def _read(
        self, picture: _Picture, features: Collection[Feature], deadline: float
    ) -> Sequence[Line]:
        if Feature.TEXT not in features:
            return ()
        found = await self._inference.infer(
            OCR, {"pixels": picture.reading}, timeout_seconds=self._remaining(deadline)
        )
        height, width, _ = picture.reading.shape
        boxes = np.clip(found["boxes"] / np.array([width, height, width, height], np.float32), 0, 1).tolist()
        return [
            Line(
                text.decode("utf-8", errors="replace"),
                left,
                top,
                line_width,
                line_height,
                min(1.0, float(score)),
            )
            for text, (left, top, line_width, line_height), score in zip(
                found["lines"], boxes, found["scores"], strict=True
            )
        ]

    def _remaining(self, deadline: float) -> float:
        remaining = deadline - self._clock()
        if remaining <= 0:
            raise DeadlineExceeded("DEADLINE_EXCEEDED", "the time ran out while the picture was looked at")
        return remaining


def _prepared(content: bytes, limits: PictureLimits) -> _Picture:
    picture = decode(content, limits)
    return _Picture(encoder_pixels(picture), np.asarray(picture))


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    exponents = np.exp(logits - logits.max())
    probabilities: NDArray[np.float32] = exponents / exponents.sum()
    return probabilities


def _likeliest(names: Sequence[str], probabilities: NDArray[np.float32], most: int) -> list[Label]:
    order = np.argsort(-probabilities, kind="stable")[:most]
    return [Label(names[index], float(probabilities[index])) for index in order]
