"""Passages in the joint space of a fusion model: computed when first needed, kept with their index."""

import asyncio
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from services.dialogue.ports import FusionModel, FusionProfile
from services.dialogue.weighing import SearchableLanguage
from services.serving.errors import DeadlineExceeded

BATCH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Joints:
    fingerprint: str
    task: "asyncio.Task[NDArray[np.float32]]"


class PassageJoints:
    """Keeps, for each language's index, its passages' joint vectors by the latest fusion model.

    An index that is dropped takes them along: they are neither shared between tenants
    nor outlive a publication.
    """

    def __init__(self, fusion: FusionModel) -> None:
        self._fusion = fusion
        self._known: WeakKeyDictionary[SearchableLanguage, _Joints] = WeakKeyDictionary()

    async def of(
        self, index: SearchableLanguage, domain: str, profile: FusionProfile, *, timeout_seconds: float
    ) -> NDArray[np.float32]:
        """Give the joint vectors of an index, float32 ``[n, 128]`` in its order.

        Raises ``Unavailable`` and ``DeadlineExceeded``; the work then goes on for the next turn.
        """
        known = self._known.get(index)
        if known is None or known.fingerprint != profile.fingerprint or _failed(known.task):
            work = self._fusion.embed_passages(domain, index.vectors, timeout_seconds=BATCH_SECONDS)
            known = _Joints(profile.fingerprint, asyncio.ensure_future(work))
            self._known[index] = known
        try:
            async with asyncio.timeout(timeout_seconds):
                return await asyncio.shield(known.task)
        except TimeoutError as error:
            raise DeadlineExceeded(
                "DEADLINE_EXCEEDED", "the passages are still being made ready for pictures: try again"
            ) from error


def _failed(task: "asyncio.Task[NDArray[np.float32]]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
