"""What dialogue needs of others, as it sees them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.dialogue.evidence import AnswerKind, Calibrator, RankWeights
from services.dialogue.fused import FusionRow, FusionThresholds, RankingWeights
from services.dialogue.policy import Thresholds


class Purpose(StrEnum):
    """What a text is embedded for."""

    QUERY = "query"
    PASSAGE = "passage"


@dataclass(frozen=True, slots=True)
class Embeddings:
    """``vectors`` float32 ``[n, width]``, L2-normalized, of the space ``embedding_model``.

    ``tokens`` are each text's token vectors, float32 ``[its tokens, width]``, where they were asked for.
    """

    vectors: NDArray[np.float32]
    embedding_model: str
    tokens: tuple[NDArray[np.float32], ...] = ()


class TextEmbedder(Protocol):
    """Turns texts into vectors."""

    async def embed(
        self, texts: Sequence[str], purpose: Purpose, *, include_tokens: bool = False, timeout_seconds: float
    ) -> Embeddings:
        """Embed any number of texts, none empty; ``include_tokens`` with a vector for each token.

        Raises ``Unavailable`` and ``DeadlineExceeded``.
        """
        ...

    async def ready(self) -> bool:
        """Whether it answers now."""
        ...


@dataclass(frozen=True, slots=True)
class Understanding:
    """A domain's fine-tuned encoder, which tells the intents from the text itself.

    ``model`` is its identity (``understanding_shop@1``); ``fingerprint`` differs between any
    two trainings.
    """

    model: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class IntentProfile:
    """What training found out with an intent model, from the model's manifest.

    ``model`` is its identity (``intent_shop@1``), ``labels`` the order of its
    outputs, ``embedding_model`` the space of the vectors that it takes.
    Where there is an ``understanding``, that model gives the probabilities, and the
    calibrators, thresholds and weights are fitted on what it gave.
    """

    model: str
    labels: tuple[str, ...]
    embedding_model: str
    calibrators: Mapping[AnswerKind, Calibrator]
    thresholds: Thresholds
    rank_weights: RankWeights
    understanding: Understanding | None = None

    @property
    def understood_by(self) -> str:
        """Identity of the model that gives the probabilities."""
        return self.understanding.model if self.understanding else self.model


class IntentModel(Protocol):
    """What tells the intents of all domains: heads on the text's vector, and fine-tuned encoders."""

    async def profile(self, domain: str, *, fresh: bool = False) -> IntentProfile:
        """Describe a domain's model; ``fresh`` never from memory.

        Raises ``FailedPrecondition`` when its manifest is not of this release, or it was
        calibrated on another fine-tuned encoder than is served, and ``Unavailable``.
        """
        ...

    async def probabilities(
        self,
        domain: str,
        profile: IntentProfile,
        text: str,
        vector: NDArray[np.float32],
        *,
        timeout_seconds: float,
    ) -> NDArray[np.float32]:
        """Give a probability for each label of ``profile``, from a query's text and its vector.

        Raises ``Unavailable``, also where another model than ``profile`` describes answered,
        and ``DeadlineExceeded``.
        """
        ...

    async def ready(self, domains: Sequence[str]) -> bool:
        """Whether the models of these domains answer now."""
        ...


@dataclass(frozen=True, slots=True)
class FusionLabels:
    """What a fusion model tells apart, in the order of its outputs."""

    intents: tuple[str, ...]
    products: tuple[str, ...]
    kinds: tuple[str, ...]
    pictures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FusionEmbeddingModels:
    """The spaces of the vectors that a fusion model takes."""

    text: str
    image: str
    acoustic: str


@dataclass(frozen=True, slots=True)
class FusionProfile:
    """What training found out with a fusion model, from the model's manifest.

    ``model`` is its identity (``fusion_shop@1``); ``fingerprint`` differs between any
    two trainings. ``ranking`` weighs the evidence for passages in turns with words,
    ``ranking_without_text`` in turns with pictures alone.
    """

    model: str
    fingerprint: str
    labels: FusionLabels
    embedding_models: FusionEmbeddingModels
    ranking: RankingWeights
    ranking_without_text: RankingWeights
    thresholds: FusionThresholds


@dataclass(frozen=True, slots=True)
class Fused:
    """What a fusion model makes of a batch of ``b`` rows, float32.

    ``intents``, ``products``, ``kinds`` and ``pictures`` are probabilities ``[b, labels]``;
    ``joint`` is ``[b, 128]``, L2-normalized.
    """

    intents: NDArray[np.float32]
    products: NDArray[np.float32]
    kinds: NDArray[np.float32]
    pictures: NDArray[np.float32]
    joint: NDArray[np.float32]


class FusionModel(Protocol):
    """The fusion models of all domains that have pictures."""

    async def profile(self, domain: str, *, fresh: bool = False) -> FusionProfile:
        """Describe a domain's model; ``fresh`` never from memory.

        Raises ``FailedPrecondition`` when its manifest is not of this release and
        ``Unavailable`` when there is none.
        """
        ...

    async def fuse(self, domain: str, rows: Sequence[FusionRow], *, timeout_seconds: float) -> Fused:
        """Fuse 1 to 64 rows.

        Raises ``Unavailable`` and ``DeadlineExceeded``.
        """
        ...

    async def embed_passages(
        self, domain: str, vectors: NDArray[np.float32], *, timeout_seconds: float
    ) -> NDArray[np.float32]:
        """Give the joint vectors, float32 ``[n, 128]``, of passages' stored vectors, float32 ``[n, 384]``.

        ``timeout_seconds`` is for each batch of them. Raises ``Unavailable`` and ``DeadlineExceeded``.
        """
        ...

    async def ready(self, domains: Sequence[str]) -> bool:
        """Whether the models of these domains answer now."""
        ...
