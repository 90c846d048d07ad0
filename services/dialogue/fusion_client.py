"""Fusion models on Triton, described by their manifests."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.dialogue.fused import (
    FusionRow,
    FusionThresholds,
    RankingWeights,
    fusion_inputs,
    passage_row,
)
from services.dialogue.model import JOINT_WIDTH, fusion_spec
from services.dialogue.ports import Fused, FusionEmbeddingModels, FusionLabels, FusionProfile
from services.inference.port import InferenceClient
from services.serving.errors import FailedPrecondition, Unavailable

PROFILE_SECONDS = 10.0
"""How long a manifest is believed before it is read again."""

PASSAGE_BATCH = 64


class TritonFusionModel:
    """Implements ``services.dialogue.ports.FusionModel``."""

    def __init__(self, inference: InferenceClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._inference = inference
        self._clock = clock
        self._profiles: dict[str, tuple[float, FusionProfile]] = {}

    async def profile(self, domain: str, *, fresh: bool = False) -> FusionProfile:
        """Describe a domain's model; ``fresh`` reads the manifest even when it was read just now."""
        read_at, profile = self._profiles.get(domain, (-np.inf, None))
        if profile is None or fresh or self._clock() - read_at > PROFILE_SECONDS:
            parameters = await self._inference.parameters(fusion_spec(domain))
            profile = _profile(domain, parameters)
            self._profiles[domain] = (self._clock(), profile)
        return profile

    async def fuse(self, domain: str, rows: Sequence[FusionRow], *, timeout_seconds: float) -> Fused:
        """Fuse a turn's rows."""
        outputs = await self._inference.infer(
            fusion_spec(domain), fusion_inputs(rows), timeout_seconds=timeout_seconds
        )
        known = self._profiles.get(domain)
        if known and any(
            outputs[name].shape[1] != len(labels) for name, labels in _by_output(known[1].labels).items()
        ):
            del self._profiles[domain]
            raise Unavailable("FUSION_MODEL_CHANGED", "the fusion model was just replaced: try again")
        return Fused(
            outputs["intents"], outputs["products"], outputs["kinds"], outputs["pictures"], outputs["joint"]
        )

    async def embed_passages(
        self, domain: str, vectors: NDArray[np.float32], *, timeout_seconds: float
    ) -> NDArray[np.float32]:
        """Give the joint vectors of passages, a batch at a time."""
        joint = np.zeros((len(vectors), JOINT_WIDTH), np.float32)
        for start in range(0, len(vectors), PASSAGE_BATCH):
            batch = vectors[start : start + PASSAGE_BATCH]
            outputs = await self._inference.infer(
                fusion_spec(domain),
                fusion_inputs([passage_row(vector) for vector in batch]),
                outputs=["joint"],
                timeout_seconds=timeout_seconds,
            )
            joint[start : start + len(batch)] = outputs["joint"]
        return joint

    async def ready(self, domains: Sequence[str]) -> bool:
        """Whether the models of these domains answer now."""
        return all([await self._inference.ready(fusion_spec(domain)) for domain in domains])


def manifest_entry(
    labels: FusionLabels,
    embedding_models: FusionEmbeddingModels,
    ranking: RankingWeights,
    ranking_without_text: RankingWeights,
    thresholds: FusionThresholds,
) -> dict[str, Any]:
    """Give what the exporter writes into the manifest and ``profile`` reads."""
    return {
        "labels": {name: list(values) for name, values in _by_output(labels).items()},
        "embedding_models": asdict(embedding_models),
        "ranking": asdict(ranking),
        "ranking_without_text": asdict(ranking_without_text),
        "thresholds": asdict(thresholds),
    }


def read_entry(model: str, manifest: Mapping[str, Any]) -> FusionProfile:
    """Read what ``manifest_entry`` gave. Raises ``LookupError``, ``TypeError`` or ``ValueError``."""
    return FusionProfile(
        model=model,
        fingerprint=hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest(),
        labels=FusionLabels(**{name: tuple(values) for name, values in manifest["labels"].items()}),
        embedding_models=FusionEmbeddingModels(**manifest["embedding_models"]),
        ranking=RankingWeights(**manifest["ranking"]),
        ranking_without_text=RankingWeights(**manifest["ranking_without_text"]),
        thresholds=FusionThresholds(**manifest["thresholds"]),
    )


def _profile(domain: str, parameters: Mapping[str, str]) -> FusionProfile:
    name = fusion_spec(domain).name
    try:
        manifest = json.loads(parameters["manifest"])
        return read_entry(f"{name}@{manifest['version']}", manifest)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise FailedPrecondition(
            "FUSION_MODEL_INCOMPATIBLE",
            f"the manifest of {name} is not of this release: train and export the domain's fusion model"
            " again (`python -m training.fusion --domain DIR`, `python -m training.export --domain DIR"
            " --only fusion`) and load it",
        ) from error


def _by_output(labels: FusionLabels) -> Mapping[str, tuple[str, ...]]:
    return {
        "intents": labels.intents,
        "products": labels.products,
        "kinds": labels.kinds,
        "pictures": labels.pictures,
    }
