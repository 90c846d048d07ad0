"""Speech to text while it is spoken, for many streams at a time. Pure."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass

from services.asr.decoding import DecodingTraffic
from services.asr.listening import Event, Input, ListeningRules, Wishes
from services.asr.live_stream import Echo, LiveStream, StreamParts, StreamVoiceActivity
from services.asr.pause_sound import EndOfTurn, PauseSound
from services.asr.speech import SpeechRules
from services.asr.transcriber import Transcriber
from services.inference.port import InferenceClient
from services.serving.errors import ResourceExhausted

_MOST_EVENTS = 256
"""Where so many wait for the client to read them, nothing more is heard until it does."""


@dataclass(frozen=True, slots=True)
class HearingModels:
    """What streams hear with. Each stream has voice activity and echo of its own."""

    voice_activity: Callable[[], StreamVoiceActivity]
    frame_seconds: float
    echo: Callable[[], Echo]
    end_of_turn: EndOfTurn
    transcriber: Transcriber
    inference: InferenceClient
    """For acoustic features."""


class LiveHearing:
    """Hears up to ``most_streams`` streams at a time."""

    def __init__(
        self,
        models: HearingModels,
        *,
        most_streams: int,
        speech: SpeechRules | None = None,
        rules: ListeningRules | None = None,
    ) -> None:
        self._models = models
        self._most_streams = most_streams
        self._speech = speech or SpeechRules()
        self._rules = rules or ListeningRules()
        self._streams = 0
        self._traffic = DecodingTraffic()

    async def hear(self, inputs: AsyncIterator[Input], wishes: Wishes) -> AsyncGenerator[Event]:
        """Yield what is heard until ``inputs`` ends and the rest is recognized. See ``listening``.

        ``inputs`` are read no faster than they are heard and what is heard is read. Errors of ``inputs``
        pass through. Closing the generator stops everything.

        Raises:
            ResourceExhausted: STREAMS_AT_CAPACITY.
            Unavailable, DeadlineExceeded: from the model, when the final words of an utterance fail.
        """
        if self._streams >= self._most_streams:
            raise ResourceExhausted(
                "STREAMS_AT_CAPACITY",
                f"{self._most_streams} streams are heard already: end one, or try another server",
                metadata={"max_streams": str(self._most_streams)},
            )
        self._streams += 1
        events: asyncio.Queue[Event | Exception | None] = asyncio.Queue(_MOST_EVENTS)
        listening = asyncio.create_task(self._listen(inputs, wishes, events))
        try:
            while (event := await events.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self._streams -= 1
            listening.cancel()
            await asyncio.wait([listening])

    async def _listen(
        self, inputs: AsyncIterator[Input], wishes: Wishes, events: asyncio.Queue[Event | Exception | None]
    ) -> None:
        stream = LiveStream(self._parts(wishes), wishes, events.put)
        try:
            async for given in inputs:
                await stream.take(given)
            await stream.finish()
            await events.put(None)
        except Exception as error:  # the reader raises it
            await events.put(error)
        finally:
            stream.close()

    def _parts(self, wishes: Wishes) -> StreamParts:
        models = self._models
        features = models.inference if wishes.with_features else None
        return StreamParts(
            voice_activity=models.voice_activity(),
            frame_seconds=models.frame_seconds,
            echo=models.echo(),
            transcriber=models.transcriber,
            traffic=self._traffic,
            pause_sound=PauseSound(models.end_of_turn, features, self._rules.timeout),
            speech=self._speech,
            rules=self._rules,
        )
