"""Dialogue's ports without models: vectors of hashed letters, intents by the nearest example."""

import asyncio
import functools
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.dialogue.domain.bundle import BundleLimits, pack
from services.dialogue.domain.loader import load_files
from services.dialogue.domain.types import OUT_OF_SCOPE, Domain
from services.dialogue.evidence import FEATURES, AnswerKind, Calibrator, RankWeights
from services.dialogue.fusion_client import TritonFusionModel
from services.dialogue.intent_client import TritonIntentModel, manifest_entry
from services.dialogue.knowledge.base import KnowledgeBase, KnowledgeLimits
from services.dialogue.knowledge.store import KnowledgeStore
from services.dialogue.knowledge.views import Views
from services.dialogue.knowledge.words import WordSplitter
from services.dialogue.model import EMBEDDING_WIDTH
from services.dialogue.policy import Thresholds
from services.dialogue.ports import Embeddings, Purpose, Understanding
from services.dialogue.responder import Responder
from services.inference.port import Tensors
from services.serving.errors import FrontdeskError
from tests.fakes.domain_folder import domain_files
from tests.fakes.fusion import fusion_model, fusion_parameters
from tests.fakes.inference import Compute, FakeInference

RANK_WEIGHTS = RankWeights(
    log_intent=1.0, cosine=40.0, bm25_share=1.0, sibling_cosine=90.0, sibling_bm25_share=1.0
)
THRESHOLDS = Thresholds(answer_at=0.8, ask_at=0.5)
FINGERPRINT = "f1"
"""Of the domain's fine-tuned encoder, where it has one."""


def embedded(text: str) -> NDArray[np.float32]:
    """Give a vector of hashed letter triples: the more letters are shared, the closer."""
    vector = np.zeros(EMBEDDING_WIDTH, np.float32)
    letters = f" {text.lower()} "
    for start in range(len(letters) - 1):
        for length in (2, 3):
            vector[zlib.crc32(letters[start : start + length].encode()) % EMBEDDING_WIDTH] += 1.0
    return vector / np.float32(np.linalg.norm(vector))


@functools.cache
def word_splitter() -> WordSplitter:
    """Give the one splitter of all tests: its dictionary takes a second to load."""
    return WordSplitter()


class FakeEmbedder:
    """Implements ``services.dialogue.ports.TextEmbedder``; counts the texts it was asked for.

    Calls wait while ``gate`` is closed; each sets ``asked``.
    """

    def __init__(self, embedding_model: str = "letters@1") -> None:
        self.embedding_model = embedding_model
        self.embedded = 0
        self.fail_with: FrontdeskError | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def embed(
        self, texts: Sequence[str], purpose: Purpose, *, include_tokens: bool = False, timeout_seconds: float
    ) -> Embeddings:
        assert timeout_seconds > 0
        assert all(texts), "an empty text"
        if self.fail_with:
            raise self.fail_with
        self.asked.set()
        await self.gate.wait()
        self.embedded += len(texts)
        tokens = [np.stack([embedded(word) for word in text.split()]) for text in texts]
        return Embeddings(
            np.stack([embedded(text) for text in texts]),
            self.embedding_model,
            tuple(tokens) if include_tokens else (),
        )

    async def ready(self) -> bool:
        return self.fail_with is None


def calibrated(**weights: float) -> dict[AnswerKind, Calibrator]:
    """Give calibrators that weigh the named features and nothing else; ``bias`` may be among them."""
    return {
        kind: Calibrator(
            (0.0,) * len(names),
            (1.0,) * len(names),
            tuple(weights.get(name, 0.0) for name in names),
            weights.get("bias", 0.0),
        )
        for kind, names in FEATURES.items()
    }


def dialogue_inference(
    domain: Domain, embedding_model: str = "letters@1", *, fine_tuned: bool = False
) -> FakeInference:
    """Give a Triton with a domain's models.

    The intent model gives the label of the nearest example. A domain with pictures has
    a fusion model, too. ``fine_tuned``: the domain has an encoder of its own, which is
    twice as sure of the nearest example as the head.
    """
    by_label = {intent.id: intent.examples for intent in domain.intents} | {OUT_OF_SCOPE: domain.out_of_scope}
    examples = [
        np.stack([embedded(text) for texts in by_label[label].values() for text in texts])
        for label in domain.labels
    ]

    def nearest(vectors: NDArray[np.float32], sharpness: float) -> NDArray[np.float32]:
        similarity = np.array(
            [[(known @ vector).max() for known in examples] for vector in vectors], np.float32
        )
        grown = np.exp(sharpness * (similarity - similarity.max(axis=1, keepdims=True)))
        return np.asarray(grown / grown.sum(axis=1, keepdims=True), np.float32)

    def head(inputs: Tensors) -> Tensors:
        return {"probabilities": nearest(inputs["sentence"], 30.0)}

    def encoder(inputs: Tensors) -> Tensors:
        vectors = np.stack([embedded(text.decode()) for text in inputs["text"][:, 0]])
        fingerprints = np.full((len(vectors), 1), FINGERPRINT.encode(), np.object_)
        return {"intents": nearest(vectors, 60.0), "sentence": vectors, "fingerprint": fingerprints}

    name, fusion, understanding = (f"{kind}_{domain.name}" for kind in ("intent", "fusion", "understanding"))
    manifest = {
        "version": 1,
        **manifest_entry(
            domain.labels,
            embedding_model,
            calibrated(intent_logit=1.0, cosine=2.0, bias=-1.0),
            THRESHOLDS,
            RANK_WEIGHTS,
            Understanding(understanding, FINGERPRINT) if fine_tuned else None,
        ),
    }
    models: dict[str, Compute] = {name: head}
    parameters: dict[str, Mapping[str, str]] = {name: {"manifest": json.dumps(manifest)}}
    if domain.pictures:
        models[fusion] = fusion_model(domain, embedded)
        parameters[fusion] = fusion_parameters(domain, embedding_model)
    if fine_tuned:
        told = {"version": 1, "labels": domain.labels, "fingerprint": FINGERPRINT}
        models[understanding] = encoder
        parameters[understanding] = {"manifest": json.dumps(told)}
    return FakeInference(models, parameters)


@dataclass
class DialogueParts:
    """A dialogue service's parts on a store in ``folder``, served by fakes."""

    folder: Path
    files: dict[str, bytes] = field(default_factory=domain_files)
    limits: KnowledgeLimits = field(default_factory=KnowledgeLimits)
    embedder: FakeEmbedder = field(default_factory=FakeEmbedder)
    fine_tuned: bool = False

    def __post_init__(self) -> None:
        self.domain = load_files(self.files)
        self.inference = dialogue_inference(self.domain, fine_tuned=self.fine_tuned)
        self.intents = TritonIntentModel(self.inference)
        self.fusion = TritonFusionModel(self.inference)
        self.words = word_splitter()
        self.responder = Responder(self.embedder, self.intents, self.fusion, self.words.split)
        self.reopen()

    def reopen(self) -> None:
        """Forget all that is in memory, as a restart does; ``views.open()`` comes next."""
        self.store = KnowledgeStore(self.folder / "knowledge.db")
        bundle_limits = BundleLimits()
        self.views = Views(self.store, self.words, bundle_limits)
        self.base = KnowledgeBase(
            self.store,
            self.embedder,
            self.intents,
            self.fusion,
            self.views,
            lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            bundle_limits,
            self.limits,
        )

    @property
    def bundle(self) -> bytes:
        """The domain, packed."""
        return pack(self.files)

    async def publish(self, tenant: str = "demo") -> str:
        """Publish the domain; give its version."""
        published = await self.base.publish(tenant, self.domain.name, self.bundle, lambda: 10.0)
        return published.domain.version
