"""``VisionService`` on the wire."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import grpc
from frontdesk.vision.v1 import vision_pb2, vision_pb2_grpc

from services.serving.deadlines import remaining_seconds
from services.serving.errors import FieldViolation, InvalidArgument
from services.vision.annotator import Annotation, Feature, ImageAnnotator, Label, Line
from services.vision.model import EMBEDDING_MODEL, OCR, OCR_VERSION, REGION_COLUMNS, REGION_ROWS

_FEATURES: Final = {
    vision_pb2.IMAGE_FEATURE_EMBEDDING: (Feature.POOLED, Feature.REGIONS),
    vision_pb2.IMAGE_FEATURE_TEXT: (Feature.TEXT,),
    vision_pb2.IMAGE_FEATURE_LABELS: (Feature.LABELS,),
}
_DOMAIN: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DEFAULT_LABELS: Final = 5
_MOST_LABELS: Final = 50

Context = grpc.aio.ServicerContext


class VisionServicer(vision_pb2_grpc.VisionServiceServicer):
    """Validates and converts."""

    def __init__(self, annotator: ImageAnnotator) -> None:
        self._annotator = annotator

    async def EmbedImage(  # noqa: N802 (the RPC's name)
        self,
        request: vision_pb2.EmbedImageRequest,
        context: "Context[Any, Any]",
    ) -> vision_pb2.EmbedImageResponse:
        """Embed a picture."""
        features = [Feature.POOLED, *([Feature.REGIONS] if request.include_regions else [])]
        seen = await self._annotator.annotate(
            request.image, features, timeout_seconds=remaining_seconds(context)
        )
        return vision_pb2.EmbedImageResponse(**_embedding(seen))

    async def ReadText(  # noqa: N802 (the RPC's name)
        self,
        request: vision_pb2.ReadTextRequest,
        context: "Context[Any, Any]",
    ) -> vision_pb2.ReadTextResponse:
        """Read the words in a picture."""
        seen = await self._annotator.annotate(
            request.image, [Feature.TEXT], timeout_seconds=remaining_seconds(context)
        )
        return vision_pb2.ReadTextResponse(
            lines=_lines(seen.lines),
            text="\n".join(line.text for line in seen.lines),
            model=f"{OCR.name}@{OCR_VERSION}",
        )

    async def ClassifyImage(  # noqa: N802 (the RPC's name)
        self,
        request: vision_pb2.ClassifyImageRequest,
        context: "Context[Any, Any]",
    ) -> vision_pb2.ClassifyImageResponse:
        """Tell what a picture shows."""
        domain = _domain(request.domain)
        seen = await self._annotator.annotate(
            request.image,
            [Feature.DOMAIN_LABELS if domain else Feature.LABELS],
            domain,
            max_labels=_max_labels(request.max_labels),
            timeout_seconds=remaining_seconds(context),
        )
        return vision_pb2.ClassifyImageResponse(
            labels=_labels(seen.labels),
            products=_labels(seen.products),
            kinds=_labels(seen.kinds),
            model=seen.model,
        )

    async def AnnotateImage(  # noqa: N802 (the RPC's name)
        self,
        request: vision_pb2.AnnotateImageRequest,
        context: "Context[Any, Any]",
    ) -> vision_pb2.AnnotateImageResponse:
        """Find out several things about a picture."""
        features = _features(request.features)
        domain = _domain(request.domain)
        if domain and Feature.LABELS in features and await self._annotator.has_labels(domain):
            features = [*features, Feature.DOMAIN_LABELS]
        seen = await self._annotator.annotate(
            request.image, features, domain, timeout_seconds=remaining_seconds(context)
        )
        embedding = _embedding(seen) if Feature.POOLED in features else {}
        return vision_pb2.AnnotateImageResponse(
            features=vision_pb2.ImageFeatures(
                **embedding,
                lines=_lines(seen.lines),
                labels=_labels(seen.labels),
                products=_labels(seen.products),
                kinds=_labels(seen.kinds),
            )
        )


def _features(wanted: Sequence[vision_pb2.ImageFeature.ValueType]) -> Sequence[Feature]:
    if not wanted:
        raise InvalidArgument("FEATURES_EMPTY", "features is empty: name at least one", field="features")
    violations = [
        FieldViolation(f"features[{index}]", "is no feature: name IMAGE_FEATURE_EMBEDDING, _TEXT or _LABELS")
        for index, feature in enumerate(wanted)
        if feature not in _FEATURES
    ]
    if violations:
        first = violations[0]
        raise InvalidArgument(
            "FEATURE_UNKNOWN", f"{first.field} {first.description}", violations=violations[:10]
        )
    return [feature for name in dict.fromkeys(wanted) for feature in _FEATURES[name]]


def _domain(name: str) -> str:
    if name and not _DOMAIN.fullmatch(name):
        raise InvalidArgument(
            "DOMAIN_INVALID",
            "domain is no name of a domain: a lower-case letter, then at most 39 of a-z, 0-9 and _",
            field="domain",
        )
    return name


def _max_labels(wanted: int) -> int:
    if not 0 <= wanted <= _MOST_LABELS:
        raise InvalidArgument(
            "MAX_LABELS_INVALID", f"max_labels is {wanted}: name 1 to {_MOST_LABELS}", field="max_labels"
        )
    return wanted or _DEFAULT_LABELS


def _embedding(seen: Annotation) -> dict[str, Any]:
    if seen.pooled is None:
        return {}
    embedding: dict[str, Any] = {"pooled": seen.pooled.tolist(), "embedding_model": EMBEDDING_MODEL}
    if seen.regions is not None:
        embedding |= {
            "regions": seen.regions.ravel().tolist(),
            "region_rows": REGION_ROWS,
            "region_columns": REGION_COLUMNS,
        }
    return embedding


def _lines(lines: Iterable[Line]) -> list[vision_pb2.TextLine]:
    return [
        vision_pb2.TextLine(
            text=line.text,
            box=vision_pb2.BoundingBox(left=line.left, top=line.top, width=line.width, height=line.height),
            confidence=line.confidence,
        )
        for line in lines
    ]


def _labels(labels: Iterable[Label]) -> list[vision_pb2.ImageLabel]:
    return [vision_pb2.ImageLabel(label=label.label, score=label.score) for label in labels]
