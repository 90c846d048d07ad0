"""Intent models on Triton, described by their manifests."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.dialogue.evidence import FEATURES, AnswerKind, Calibrator, RankWeights
from services.dialogue.model import intent_spec
from services.dialogue.policy import Thresholds
from services.dialogue.ports import IntentProfile
from services.inference.port import InferenceClient
from services.serving.errors import FailedPrecondition, Unavailable

PROFILE_SECONDS = 10.0
"""How long a manifest is believed before it is read again."""


class TritonIntentModel:
    """Implements ``services.dialogue.ports.IntentModel``."""

    def __init__(self, inference: InferenceClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._inference = inference
        self._clock = clock
        self._profiles: dict[str, tuple[float, IntentProfile]] = {}

    async def profile(self, domain: str, *, fresh: bool = False) -> IntentProfile:
        """Describe a domain's model; ``fresh`` reads the manifest even when it was read just now."""
        read_at, profile = self._profiles.get(domain, (-np.inf, None))
        if profile is None or fresh or self._clock() - read_at > PROFILE_SECONDS:
            parameters = await self._inference.parameters(intent_spec(domain))
            profile = _profile(domain, parameters)
            self._profiles[domain] = (self._clock(), profile)
        return profile

    async def probabilities(
        self, domain: str, vector: NDArray[np.float32], *, timeout_seconds: float
    ) -> NDArray[np.float32]:
        """Give a probability for each label."""
        outputs = await self._inference.infer(
            intent_spec(domain),
            {"sentence": vector[None, :].astype(np.float32)},
            timeout_seconds=timeout_seconds,
        )
        probabilities: NDArray[np.float32] = outputs["probabilities"][0]
        known = self._profiles.get(domain)
        if known and len(known[1].labels) != len(probabilities):
            del self._profiles[domain]
            raise Unavailable("INTENT_MODEL_CHANGED", "the intent model was just replaced: try again")
        return probabilities

    async def ready(self, domains: Sequence[str]) -> bool:
        """Whether the models of these domains answer now."""
        return all([await self._inference.ready(intent_spec(domain)) for domain in domains])


def manifest_entry(
    profile_labels: Sequence[str],
    embedding_model: str,
    calibrators: Mapping[AnswerKind, Calibrator],
    thresholds: Thresholds,
    rank_weights: RankWeights,
) -> dict[str, Any]:
    """Give what the exporter writes into the manifest and ``profile`` reads."""
    return {
        "labels": list(profile_labels),
        "embedding_model": embedding_model,
        "calibrators": {
            kind.value: {
                "features": list(FEATURES[kind]),
                "mean": list(calibrator.mean),
                "scale": list(calibrator.scale),
                "weights": list(calibrator.weights),
                "bias": calibrator.bias,
            }
            for kind, calibrator in calibrators.items()
        },
        "rank_weights": asdict(rank_weights),
        "thresholds": asdict(thresholds),
    }


def _profile(domain: str, parameters: Mapping[str, str]) -> IntentProfile:
    name = intent_spec(domain).name
    try:
        manifest = json.loads(parameters["manifest"])
        calibrators = {}
        for kind in AnswerKind:
            entry = manifest["calibrators"][kind.value]
            if tuple(entry["features"]) != FEATURES[kind]:
                raise ValueError("features")
            calibrators[kind] = Calibrator(
                tuple(entry["mean"]), tuple(entry["scale"]), tuple(entry["weights"]), entry["bias"]
            )
        return IntentProfile(
            model=f"{name}@{manifest['version']}",
            labels=tuple(manifest["labels"]),
            embedding_model=manifest["embedding_model"],
            calibrators=calibrators,
            thresholds=Thresholds(**manifest["thresholds"]),
            rank_weights=RankWeights(**manifest["rank_weights"]),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise FailedPrecondition(
            "INTENT_MODEL_INCOMPATIBLE",
            f"the manifest of {name} is not of this release: run"
            f" `python -m training.export --domain DIR --only intent` and load the model",
        ) from error
