"""What a pause sounds like: whether the speaker has finished, and the features of what was said. Pure."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from services.asr.acoustic import AcousticFeatures, acoustic_features
from services.asr.listening import Samples
from services.inference.port import InferenceClient
from services.serving.errors import FrontdeskError

EndOfTurn = Callable[[Samples], Awaitable[float]]
"""Probability that the speaker has finished, of the last seconds of audio."""

FEATURES_GRACE_SECONDS: Final = 0.3
"""How long final words that are there wait for acoustic features."""

_log = structlog.stdlib.get_logger("frontdesk.asr")


class PauseSound:
    """Asks both models in the background."""

    def __init__(self, end_of_turn: EndOfTurn, inference: InferenceClient | None, timeout: float) -> None:
        """``inference`` makes acoustic features; None where they are not wanted."""
        self._end_of_turn = end_of_turn
        self._inference = inference
        self._timeout = timeout
        self._speech_end: float | None = None
        self._judging: asyncio.Task[None] | None = None
        self._features: asyncio.Task[AcousticFeatures | None] | None = None
        self._probability: float | None = None

    def hear(
        self, speech_end: float, last: Samples, utterance: Samples, tell: Callable[[], Awaitable[None]]
    ) -> None:
        """Begin with the pause after ``speech_end``; an earlier one is forgotten.

        ``last`` is for the end-of-turn model, ``utterance`` for the acoustic one (at least one sample).
        ``tell`` is called when the probability is known.
        """
        self.forget()
        self._speech_end = speech_end
        self._judging = asyncio.create_task(self._judge(last, tell))
        if self._inference is not None:
            self._features = asyncio.create_task(self._describe(self._inference, utterance))

    def forget(self) -> None:
        """Cancel what is under way: the utterance is over, or goes on."""
        for task in (self._judging, self._features):
            if task is not None:
                task.cancel()
        self._speech_end = self._judging = self._features = self._probability = None

    def knows(self, speech_end: float) -> bool:
        """Whether it is the pause after ``speech_end`` that was heard last."""
        return self._speech_end == speech_end

    def probability(self, speech_end: float) -> float | None:
        """That the speaker has finished; None while it is not known of the pause after ``speech_end``."""
        return self._probability if self.knows(speech_end) else None

    async def features(self) -> AcousticFeatures | None:
        """Features of what was heard last; None, and a warning, where they failed or are late."""
        if self._features is None:
            return None
        if not (await asyncio.wait([self._features], timeout=FEATURES_GRACE_SECONDS))[0]:
            _log.warning("no acoustic features", reason="ACOUSTIC_MODEL_LATE")
            return None
        return self._features.result()

    async def _judge(self, last: Samples, tell: Callable[[], Awaitable[None]]) -> None:
        self._probability = await self._end_of_turn(last)
        await tell()

    async def _describe(self, inference: InferenceClient, samples: Samples) -> AcousticFeatures | None:
        try:
            return await acoustic_features(inference, samples, timeout_seconds=self._timeout)
        except FrontdeskError as error:
            _log.warning("no acoustic features", reason=error.reason)
            return None
