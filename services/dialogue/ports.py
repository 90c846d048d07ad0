"""What dialogue needs of others, as it sees them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.dialogue.evidence import AnswerKind, Calibrator, RankWeights
from services.dialogue.policy import Thresholds


class Purpose(StrEnum):
    """What a text is embedded for."""

    QUERY = "query"
    PASSAGE = "passage"


@dataclass(frozen=True, slots=True)
class Embeddings:
    """``vectors`` float32 ``[n, width]``, L2-normalized, of the space ``embedding_model``."""

    vectors: NDArray[np.float32]
    embedding_model: str


class TextEmbedder(Protocol):
    """Turns texts into vectors."""

    async def embed(self, texts: Sequence[str], purpose: Purpose, *, timeout_seconds: float) -> Embeddings:
        """Embed any number of texts, none empty.

        Raises ``Unavailable`` and ``DeadlineExceeded``.
        """
        ...

    async def ready(self) -> bool:
        """Whether it answers now."""
        ...


@dataclass(frozen=True, slots=True)
class IntentProfile:
    """What training found out with an intent model, from the model's manifest.

    ``model`` is its identity (``intent_shop@1``), ``labels`` the order of its
    outputs, ``embedding_model`` the space of the vectors that it takes.
    """

    model: str
    labels: tuple[str, ...]
    embedding_model: str
    calibrators: Mapping[AnswerKind, Calibrator]
    thresholds: Thresholds
    rank_weights: RankWeights


class IntentModel(Protocol):
    """The intent heads of all domains."""

    async def profile(self, domain: str, *, fresh: bool = False) -> IntentProfile:
        """Describe a domain's model; ``fresh`` never from memory.

        Raises ``FailedPrecondition`` when the domain has none and ``Unavailable``.
        """
        ...

    async def probabilities(
        self, domain: str, vector: NDArray[np.float32], *, timeout_seconds: float
    ) -> NDArray[np.float32]:
        """Give a probability for each label, from a query's vector.

        Raises ``Unavailable`` and ``DeadlineExceeded``.
        """
        ...

    async def ready(self, domains: Sequence[str]) -> bool:
        """Whether the models of these domains answer now."""
        ...
