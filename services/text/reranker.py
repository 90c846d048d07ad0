"""How well passages answer a question, by a model that reads both together.

Pure: no gRPC, no wire types.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.inference.port import InferenceClient
from services.serving.errors import DeadlineExceeded, FailedPrecondition, Unavailable
from services.text.model import RERANKER, TEXT_ENCODER

# Passages of one inference: a customer's question waits behind a whole one.
_BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class Reranked:
    """``scores`` in the passages' order, higher answers better; ``model`` gave them."""

    scores: Sequence[float]
    model: str


class Reranker:
    """Scores passages with the model ``reranker``."""

    def __init__(self, inference: InferenceClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._inference = inference
        self._clock = clock

    async def rerank(self, query: str, passages: Sequence[str], *, timeout_seconds: float) -> Reranked:
        """Score ``passages``, at least one, none empty.

        Raises ``FailedPrecondition`` where Triton serves no reranker, ``Unavailable`` where
        the model was replaced meanwhile, and what ``InferenceClient`` raises.
        """
        deadline = self._clock() + timeout_seconds
        scores: list[float] = []
        models: set[bytes] = set()
        for start in range(0, len(passages), _BATCH):
            batch = passages[start : start + _BATCH]
            remaining = deadline - self._clock()
            if remaining <= 0:
                raise DeadlineExceeded("DEADLINE_EXCEEDED", "the time ran out while passages were scored")
            inputs = {
                "question": np.array([[query.encode()]] * len(batch), np.object_),
                "passage": np.array([[passage.encode()] for passage in batch], np.object_),
            }
            try:
                found = await self._inference.infer(RERANKER, inputs, timeout_seconds=remaining)
            except Unavailable:
                await self._refuse_if_missing()
                raise
            scores += found["score"][:, 0].tolist()
            models |= set(found["model"][:, 0].tolist())
        if len(models) != 1:
            raise Unavailable("RERANKER_CHANGED", "the reranker was just replaced: try again")
        return Reranked(scores, models.pop().decode())

    async def _refuse_if_missing(self) -> None:
        # A Triton that is away serves nothing at all.
        if await self._inference.ready(TEXT_ENCODER) and not await self._inference.ready(RERANKER):
            raise FailedPrecondition(
                "RERANKER_MISSING",
                "the model repository has no reranker: train one with `python -m training.reranker"
                " --out build/reranker`, then `make export` and start again",
            )
