"""Intent models on Triton, described by their manifests: heads, and encoders that a company fine-tuned."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.dialogue.evidence import FEATURES, AnswerKind, Calibrator, RankWeights
from services.dialogue.model import intent_spec, understanding_spec
from services.dialogue.policy import Thresholds
from services.dialogue.ports import IntentProfile, Understanding
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
        """Describe a domain's model; ``fresh`` reads the manifests even when they were read just now."""
        read_at, profile = self._profiles.get(domain, (-np.inf, None))
        if profile is None or fresh or self._clock() - read_at > PROFILE_SECONDS:
            parameters = await self._inference.parameters(intent_spec(domain))
            profile = _profile(domain, parameters)
            if profile.understanding:
                parameters = await self._inference.parameters(understanding_spec(domain))
                served = _understanding(domain, parameters, profile)
                profile = replace(profile, understanding=served)
            self._profiles[domain] = (self._clock(), profile)
        return profile

    async def probabilities(
        self,
        domain: str,
        profile: IntentProfile,
        text: str,
        vector: NDArray[np.float32],
        *,
        timeout_seconds: float,
    ) -> NDArray[np.float32]:
        """Give a probability for each label: by the text where the domain has an encoder of its own."""
        probabilities: NDArray[np.float32]
        if profile.understanding is None:
            outputs = await self._inference.infer(
                intent_spec(domain),
                {"sentence": vector[None, :].astype(np.float32)},
                timeout_seconds=timeout_seconds,
            )
            probabilities, changed = outputs["probabilities"][0], False
        else:
            outputs = await self._inference.infer(
                understanding_spec(domain),
                {"text": np.array([[text.encode()]], np.object_)},
                outputs=["intents", "fingerprint"],
                timeout_seconds=timeout_seconds,
            )
            probabilities = outputs["intents"][0]
            changed = outputs["fingerprint"].item() != profile.understanding.fingerprint.encode()
        if changed or len(probabilities) != len(profile.labels):
            self._profiles.pop(domain, None)
            raise Unavailable("INTENT_MODEL_CHANGED", "the intent model was just replaced: try again")
        return probabilities

    async def ready(self, domains: Sequence[str]) -> bool:
        """Whether the models of these domains answer now."""
        return all([await self._ready(domain) for domain in domains])

    async def _ready(self, domain: str) -> bool:
        if not await self._inference.ready(intent_spec(domain)):
            return False
        try:
            profile = await self.profile(domain)
        except Unavailable:
            return False
        except FailedPrecondition:
            return True  # it answers, and says what to do
        return profile.understanding is None or await self._inference.ready(understanding_spec(domain))


def manifest_entry(
    profile_labels: Sequence[str],
    embedding_model: str,
    calibrators: Mapping[AnswerKind, Calibrator],
    thresholds: Thresholds,
    rank_weights: RankWeights,
    understanding: Understanding | None = None,
) -> dict[str, Any]:
    """Give what the exporter writes into the manifest and ``profile`` reads.

    ``understanding`` is the model (without a version) on which all else was fitted.
    """
    return {
        **({"understanding": asdict(understanding)} if understanding else {}),
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
        understanding = manifest.get("understanding")
        if understanding is not None:
            understanding = Understanding(**understanding)
            if understanding.model != understanding_spec(domain).name:
                raise ValueError("understanding")
        return IntentProfile(
            model=f"{name}@{manifest['version']}",
            labels=tuple(manifest["labels"]),
            embedding_model=manifest["embedding_model"],
            calibrators=calibrators,
            thresholds=Thresholds(**manifest["thresholds"]),
            rank_weights=RankWeights(**manifest["rank_weights"]),
            understanding=understanding,
        )
    except (LookupError, TypeError, ValueError) as error:
        raise FailedPrecondition(
            "INTENT_MODEL_INCOMPATIBLE",
            f"the manifest of {name} is not of this release: run"
            f" `python -m training.export --domain DIR --only intent` and load the model",
        ) from error


def _understanding(domain: str, parameters: Mapping[str, str], profile: IntentProfile) -> Understanding:
    """Describe the encoder that is served. Raises where it is not the one of ``profile``."""
    name = understanding_spec(domain).name
    try:
        manifest = json.loads(parameters["manifest"])
        served = Understanding(f"{name}@{manifest['version']}", manifest["fingerprint"])
        labels = tuple(manifest["labels"])
    except (LookupError, TypeError, ValueError) as error:
        raise _mismatch(f"the manifest of {name} is not of this release", domain) from error
    if profile.understanding is None or served.fingerprint != profile.understanding.fingerprint:
        raise _mismatch(
            f"{profile.model} was calibrated on another training of {name} than is served", domain
        )
    if labels != profile.labels:
        raise _mismatch(f"{served.model} and {profile.model} tell other intents apart", domain)
    return served


def _mismatch(what: str, domain: str) -> FailedPrecondition:
    return FailedPrecondition(
        "UNDERSTANDING_MODEL_MISMATCH",
        f"{what}: run `python -m training.export --domain DIR --only understanding intent` and load"
        f" both {understanding_spec(domain).name} and {intent_spec(domain).name}",
    )
