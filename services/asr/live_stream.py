"""Hears one stream while somebody speaks: evidence at once, words as they are decoded. Pure.

Decodes the growing segment again and again (``agreement`` says which words stay), and all of it at once
when a pause begins, so that the final words are there when the pause turns out to be the end.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from services.asr.decoding import Decoding, DecodingTraffic
from services.asr.listening import (
    Audio,
    EndUtterance,
    Event,
    Evidence,
    Input,
    ListeningRules,
    Played,
    Samples,
    Started,
    Wishes,
)
from services.asr.model import ACOUSTIC_MOST_SAMPLES, SAMPLE_RATE
from services.asr.pause_sound import PauseSound
from services.asr.recent_audio import RecentAudio
from services.asr.speech import Span, SpeechRules
from services.asr.transcriber import Transcriber, Transcription
from services.asr.utterance import Utterance
from services.asr.voice import Voice
from services.serving.errors import FrontdeskError

_PIECE_SAMPLES = SAMPLE_RATE // 10
"""Audio that is heard at once: some milliseconds of work, in which nothing else runs."""

_log = structlog.stdlib.get_logger("frontdesk.asr")


class StreamVoiceActivity(Protocol):
    """Voice activity of one stream."""

    def feed(self, samples: Samples) -> NDArray[np.float32]:
        """Probabilities of speech of the frames that are now complete."""
        ...


class Echo(Protocol):
    """Takes what is played to the speaker out of what is heard."""

    def played(self, samples: Samples) -> None:
        """Take what is being played."""
        ...

    def cancel(self, samples: Samples) -> Samples:
        """What is heard without it, as many samples."""
        ...


@dataclass(frozen=True, slots=True)
class StreamParts:
    """What one stream hears with; ``frame_seconds`` are those of a frame of ``voice_activity``."""

    voice_activity: StreamVoiceActivity
    frame_seconds: float
    echo: Echo
    transcriber: Transcriber
    traffic: DecodingTraffic
    pause_sound: PauseSound
    speech: SpeechRules
    rules: ListeningRules


class LiveStream:
    """Takes a stream's inputs in order and tells of what it hears; ``close`` it at the end."""

    def __init__(self, parts: StreamParts, wishes: Wishes, tell: Callable[[Event], Awaitable[None]]) -> None:
        self._parts = parts
        self._rules = parts.rules
        self._wishes = wishes
        self._tell = tell
        self._voice = Voice(parts.frame_seconds, parts.speech)
        self._audio = RecentAudio(parts.rules.kept)
        self._utterance: Utterance | None = None
        self._over_until = 0.0  # audio before belongs to utterances that are over
        self._evidence_told = 0.0
        self._decoding: Decoding | None = None
        self._failed_for: float | None = None
        self._next_partial = 0.0  # on the event loop's clock
        self._decoded_until = 0.0

    async def take(self, given: Input) -> None:
        """Take the next input.

        Raises:
            Unavailable, DeadlineExceeded: from the model, when the final words of an utterance fail.
        """
        match given:
            case Audio(samples):
                for begin in range(0, len(samples), _PIECE_SAMPLES):
                    await self._hear(samples[begin : begin + _PIECE_SAMPLES])
            case Played(samples):
                self._parts.echo.played(samples)
            case EndUtterance():
                await self._end()

    async def finish(self) -> None:
        """The stream has ended: the rest is recognized. Raises what ``take`` does."""
        await self._end()

    def close(self) -> None:
        """Stop what is under way."""
        self._parts.pause_sound.forget()
        self._stop_decoding()

    async def _hear(self, samples: Samples) -> None:
        heard = self._parts.echo.cancel(samples)
        self._audio.append(heard)
        for probability in self._parts.voice_activity.feed(heard):
            await self._frame(float(probability))
        await asyncio.sleep(0)  # others' turn

    async def _frame(self, probability: float) -> None:
        voice = self._voice
        was_speaking, before = voice.speaking, self._run
        voice.hear(probability)
        run = self._run
        if self._utterance is None:
            if run is not None:
                await self._begin(run)
        elif before is not None and run is None:
            self._utterance.end_run(before)
        elif before is None and run is not None:
            self._go_on(self._utterance, run)
        if self._utterance is not None or voice.run is not None:
            onset = voice.speaking and voice.voiced <= self._rules.onset
            period = self._rules.evidence_period - self._parts.frame_seconds / 2
            if onset or was_speaking != voice.speaking or voice.now - self._evidence_told >= period:
                await self._tell_evidence()
        if self._utterance is not None:
            await self._follow(self._utterance)

    async def _begin(self, run: Span) -> None:
        segment_begin = max(self._over_until, run.begin - self._parts.speech.margin)
        self._utterance = Utterance(run.begin, segment_begin, self._wishes.language, self._rules)
        self._next_partial = 0.0
        await self._tell(Started(run.begin))

    def _go_on(self, utterance: Utterance, run: Span) -> None:
        """Speech after a pause: after a long one as a segment of its own, as in recordings."""
        before = utterance.speech_end(None)
        if run.begin - before > self._parts.speech.join and utterance.settled_for == before:
            utterance.next_segment(max(before, run.begin - self._parts.speech.margin))

    async def _follow(self, utterance: Utterance) -> None:
        """Decode where it is time to."""
        if self._voice.now - utterance.segment_begin >= self._rules.longest_segment + 1.0:
            await self._catch_up(utterance)
        if self._voice.speaking:
            if self._partial_due(utterance):
                self._start_decoding(utterance, None)
            return
        if self._voice.silence >= self._rules.pause:
            self._hear_pause(utterance)
        if self._wishes.end_silence is not None and self._silence(utterance) >= self._wishes.end_silence:
            await self._end()

    def _partial_due(self, utterance: Utterance) -> bool:
        run = self._run
        rules = self._rules
        least = rules.first_partial if utterance.language else rules.first_partial_undetected
        return (
            run is not None
            and self._decoding is None
            and self._parts.traffic.idle
            and asyncio.get_running_loop().time() >= self._next_partial
            and self._voice.now - max(run.begin, self._decoded_until) >= least
        )

    def _hear_pause(self, utterance: Utterance) -> None:
        speech_end = utterance.speech_end(self._run)
        if not self._parts.pause_sound.knows(speech_end):
            self._hear_sound(utterance)
        if speech_end in (utterance.settled_for, self._failed_for):
            return
        if self._decoding is None or self._decoding.settles_for != speech_end:
            self._stop_decoding()
            self._start_decoding(utterance, speech_end)

    def _hear_sound(self, utterance: Utterance) -> None:
        speech_end = utterance.speech_end(self._run)
        begin = max(self._over_until, utterance.start - self._parts.speech.margin)
        now = self._voice.now
        last = self._audio.between(max(begin, now - self._rules.end_of_turn), now)[1]
        whole = self._audio.between(begin, now)[1][:ACOUSTIC_MOST_SAMPLES]
        self._parts.pause_sound.hear(speech_end, last, whole, self._tell_evidence)

    def _start_decoding(self, utterance: Utterance, settles_for: float | None) -> None:
        task = asyncio.create_task(self._decode(utterance, settles_for))
        self._decoding = Decoding(task, settles_for)

    def _stop_decoding(self) -> None:
        if self._decoding is not None:
            self._decoding.task.cancel()
            self._decoding = None

    async def _decode(self, utterance: Utterance, settles_for: float | None) -> None:
        """In the background: a failure shows when the final words fail too."""
        loop = asyncio.get_running_loop()
        began, until = loop.time(), self._voice.now
        try:
            heard = await self._transcribe(utterance, until)
        except FrontdeskError as error:
            _log.warning("no partial words", reason=error.reason)
            self._failed_for, self._decoding = settles_for, None
            self._next_partial = loop.time() + self._rules.partial_period
            return
        took = loop.time() - began
        self._decoding = None
        self._decoded_until = until
        self._next_partial = began + max(self._rules.partial_period, took / self._rules.decoding_share)
        utterance.take(heard, until, settled_for=settles_for)
        partial = utterance.partial(until, self._run)
        utterance.cut_if_long(until, self._run)
        if partial is not None:
            await self._tell(partial)

    async def _transcribe(self, utterance: Utterance, until: float) -> Transcription | None:
        begin, samples = self._audio.between(utterance.segment_begin, until)
        with self._parts.traffic.decoding():
            return await self._parts.transcriber.transcribe(
                samples,
                begin=begin,
                spans=utterance.spans(self._run),
                language=utterance.language,
                timeout_seconds=self._rules.timeout,
            )

    async def _catch_up(self, utterance: Utterance) -> None:
        """More is spoken than can be decoded at once: the audio waits until some of it has been."""
        if self._decoding is not None:
            await asyncio.wait([self._decoding.task])
        if self._voice.now - utterance.segment_begin >= self._rules.longest_segment:
            until = self._voice.now
            utterance.take(await self._transcribe(utterance, until), until, settled_for=None)
            utterance.cut_if_long(until, self._run)

    async def _end(self) -> None:
        """The utterance that is being spoken, if one is, is over."""
        utterance = self._utterance
        if utterance is None:
            return
        speech_end = utterance.speech_end(self._run)
        if self._wishes.with_features and not self._parts.pause_sound.knows(speech_end):
            self._hear_sound(utterance)
        if self._decoding is not None and self._decoding.settles_for == speech_end:
            await asyncio.wait([self._decoding.task])
        self._stop_decoding()
        if utterance.settled_for != speech_end:
            until = self._voice.now
            utterance.take(await self._transcribe(utterance, until), until, settled_for=speech_end)
        final = utterance.final(self._run, await self._parts.pause_sound.features())
        self._parts.pause_sound.forget()
        self._utterance = None
        self._over_until = self._voice.now
        self._failed_for = None
        self._voice.end_run()
        await self._tell(final)

    async def _tell_evidence(self) -> None:
        voice = self._voice
        self._evidence_told = voice.now
        probability = None
        if self._utterance is not None and not voice.speaking:
            probability = self._parts.pause_sound.probability(self._utterance.speech_end(self._run))
        await self._tell(Evidence(voice.now, voice.speaking, voice.voiced, voice.silence, probability))

    def _silence(self, utterance: Utterance) -> float:
        """Since the last speech; what was too short to be speech does not count."""
        return self._voice.now - utterance.speech_end(self._run)

    @property
    def _run(self) -> Span | None:
        """The run of speech that goes on, once it is known to be speech."""
        return self._voice.run if self._voice.confirmed else None
