"""A live recognizer for µ-law frames that say of themselves which word is spoken in them."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from datetime import timedelta

from gateway.turn.features import AcousticFeatures
from gateway.turn.hearing import (
    CustomerAudio,
    FinalHeard,
    Heard,
    HearingInput,
    PartialHeard,
    PlayedAudio,
    StreamFormat,
    UtteranceStarted,
    VoiceEvidence,
)
from gateway.turn.types import Transcript, Word

FRAME_SECONDS = 0.02
_FRAME_BYTES = 160
_SPEECH_FRAMES = 3
_EVIDENCE_FRAMES = 5
_PARTIAL_FRAMES = 15
_SETTLED_FRAMES = 5
SILENCE = b"\xff" * _FRAME_BYTES


def say(text: str, seconds: float) -> list[bytes]:
    """Frames of 8 kHz µ-law in which the words are spoken, each equally long; ``say("", …)`` is a noise."""
    words = text.split() or [""]
    frames = round(seconds / FRAME_SECONDS)
    return [_frame(place * len(words) // frames, words) for place in range(frames)]


def quiet(seconds: float) -> list[bytes]:
    """Frames of silence."""
    return [SILENCE] * round(seconds / FRAME_SECONDS)


def _frame(index: int, words: list[str]) -> bytes:
    return f"{index}:{words[index]}".encode().ljust(_FRAME_BYTES, b"\0")


class FakeLiveRecognizer:
    """60 ms of sound are an utterance; tells a partial each 0.3 s, and settles after 0.1 s of silence."""

    def __init__(self) -> None:
        self.end_of_turn_probability: float | None = 0.9
        self.error: Exception | None = None
        self.deaf_to_ends = False
        self.played = b""
        self.streams = 0
        self.ended = 0

    async def listen(
        self,
        audio: AsyncIterator[HearingInput],
        stream_format: StreamFormat,
        *,
        include_acoustic_features: bool = False,
    ) -> AsyncGenerator[Heard]:
        self.streams += 1
        ear = _Ear(self, include_acoustic_features)
        try:
            if self.error:
                raise self.error
            async for item in audio:
                match item:
                    case CustomerAudio():
                        for event in ear.hear(item.audio):
                            yield event
                    case PlayedAudio():
                        self.played += item.audio
                    case _ if not self.deaf_to_ends:
                        for event in ear.end():
                            yield event
            for event in ear.end():
                yield event
        finally:
            self.ended += 1


class _Ear:
    def __init__(self, settings: FakeLiveRecognizer, acoustic: bool) -> None:
        self._settings = settings
        self._acoustic = acoustic
        self._frames = 0
        self._voiced = 0
        self._silent = 0
        self._start: int | None = None
        self._words: list[tuple[str, int]] = []
        self._last = ""

    def hear(self, frame: bytes) -> Iterator[Heard]:
        self._frames += 1
        if frame == SILENCE:
            yield from self._hear_silence()
        else:
            yield from self._hear_voice(frame)

    def end(self) -> Iterator[Heard]:
        if self._start is None:
            return
        words = [word for word, _ in self._words if word]
        times = tuple(Word(word, _time(at), _time(at + 1), 0.9) for word, at in self._words if word)
        transcript = Transcript(" ".join(words), "en", 0.9 if words else 0.0, times)
        acoustic = AcousticFeatures((0.5,), 1, timedelta(seconds=0.1), "acoustic@1")
        yield FinalHeard(
            transcript,
            _time(self._start),
            _time(self._frames - self._silent),
            acoustic if self._acoustic else None,
        )
        self._start, self._voiced, self._words, self._last = None, 0, [], ""

    def _hear_voice(self, frame: bytes) -> Iterator[Heard]:
        spoken = frame.rstrip(b"\0").decode(errors="replace")
        self._voiced = self._voiced + 1 if not self._silent or self._start is not None else 1
        self._silent = 0
        if spoken != self._last:
            self._last = spoken
            self._words.append((spoken.partition(":")[2], self._frames - 1))
        if self._start is None and self._voiced == _SPEECH_FRAMES:
            self._start = self._frames - _SPEECH_FRAMES
            yield UtteranceStarted(_time(self._start))
        if self._voiced == 1 or self._voiced % _EVIDENCE_FRAMES == 0:
            yield self._evidence(speaking=True)
        if self._start is not None and self._voiced % _PARTIAL_FRAMES == 0:
            yield self._partial(settled=False)

    def _hear_silence(self) -> Iterator[Heard]:
        self._silent += 1
        if self._start is None and not self._voiced:
            return
        if self._silent == 1 or self._silent % _EVIDENCE_FRAMES == 0:
            yield self._evidence(speaking=False)
        if self._start is None:
            self._voiced, self._words, self._last = 0, [], ""
        elif self._silent == _SETTLED_FRAMES:
            yield self._partial(settled=True)

    def _evidence(self, *, speaking: bool) -> VoiceEvidence:
        probability = self._settings.end_of_turn_probability
        return VoiceEvidence(
            _time(self._frames),
            speaking,
            _time(self._voiced),
            _time(self._silent),
            None if speaking or self._silent < _SETTLED_FRAMES else probability,
        )

    def _partial(self, *, settled: bool) -> PartialHeard:
        words = [word for word, _ in self._words if word]
        stable = len(words) if settled else max(len(words) - 1, 0)
        return PartialHeard(" ".join(words), len(words), stable, _time(self._frames), settled, "en")


def _time(frames: int) -> timedelta:
    return timedelta(seconds=frames * FRAME_SECONDS)
