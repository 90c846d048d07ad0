"""Plays a customer into a live call in real time, and plays the answers to them by the clock."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from frontdesk.gateway.v1 import conversation_pb2

from gateway.cli.call_coding import CallFormat, Samples
from gateway.cli.call_playback import Playback
from gateway.cli.call_voice import CustomerVoice
from gateway.client import FrontdeskApiError

FRAME_SECONDS = 0.02
_REPORT_EVERY_FRAMES = 5
_GOODBYE_SECONDS = 10.0
_DISPENSABLE = (conversation_pb2.STAGE_TTS, conversation_pb2.STAGE_VISION)
"""A turn goes on without these."""

Event = conversation_pb2.ConverseResponse


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event of a call and when it came, seconds from the customer's first sample."""

    seconds: float
    event: Event


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys that the customer presses."""

    digits: str


@dataclass(frozen=True, slots=True)
class TypedText:
    """What the customer types."""

    text: str


@dataclass(frozen=True, slots=True)
class ShownImage:
    """What the customer shows, an encoded picture."""

    image: bytes


@dataclass(frozen=True, slots=True)
class Action:
    """What the customer does besides speaking, ``seconds`` into the call."""

    seconds: float
    what: Keys | TypedText | ShownImage


@dataclass(frozen=True, slots=True)
class Echo:
    """The answers' audio in the customer's channel, as by a phone that is held far away."""

    gain_db: float
    delay_seconds: float = 0.1


@dataclass(frozen=True, slots=True)
class CallEnd:
    """When the customer, having said all, hangs up.

    After ``quiet_seconds`` in which nothing is played and no event comes but
    ``no_input``, with no turn open (three times as long where speech was heard and its
    words or their end are still to come); at the latest ``limit_seconds`` after the last word.
    """

    quiet_seconds: float = 4.0
    limit_seconds: float = 60.0


class LiveCall(Protocol):
    """What of :class:`gateway.client.Call` a player uses."""

    async def send_audio(self, audio: bytes) -> None:
        """Send the next piece of the customer's audio."""
        ...

    async def send_text(self, text: str) -> None:
        """Send what the customer typed."""
        ...

    async def send_image(self, image: bytes) -> None:
        """Send what the customer showed."""
        ...

    async def send_dtmf(self, digits: str) -> None:
        """Send keys that the customer pressed."""
        ...

    async def report_playback(self, turn_id: str, seconds: float) -> None:
        """Say how far the answer of a turn was played."""
        ...

    async def hang_up(self) -> None:
        """End the call."""
        ...

    def __aiter__(self) -> AsyncIterator[Event]: ...


class Loudspeaker(Protocol):
    """Makes answers audible."""

    def play(self, samples: Samples) -> None:
        """Play after what waits."""
        ...

    def stop(self) -> None:
        """Drop what waits."""
        ...


@dataclass(frozen=True, slots=True)
class PlayedCall:
    """A call that is over. Both channels begin at the customer's first sample and are equally long.

    ``lateness_seconds`` is the most that a frame left after its time, because this
    machine or the server was busy. ``error`` says how the call failed, if it did.
    """

    sample_rate_hertz: int
    customer: Samples
    frontdesk: Samples
    events: tuple[TimedEvent, ...]
    lateness_seconds: float
    error: FrontdeskApiError | None

    @property
    def session_id(self) -> str:
        """The call's session; empty where the call never began."""
        return self.events[0].event.session_id if self.events else ""


async def play_call(
    call: LiveCall,
    voice: CustomerVoice,
    call_format: CallFormat,
    *,
    actions: Sequence[Action] = (),
    echo: Echo | None = None,
    end: CallEnd | None = None,
    on_event: Callable[[TimedEvent], None] = lambda event: None,
    loudspeaker: Loudspeaker | None = None,
    hang_up: asyncio.Event | None = None,
) -> PlayedCall:
    """Hold an entered call to its end.

    A frame of 20 ms leaves when its last sample has been spoken. Answers are played
    from when they come; their position is reported every 0.1 s. After the voice's
    end silence is sent until ``end``. ``on_event`` sees each event as it comes;
    ``hang_up`` ends the call when it is set.
    """
    leave = hang_up or asyncio.Event()
    player = _Player(call, voice, call_format, echo, end or CallEnd(), on_event, loudspeaker, leave)
    return await player.play(sorted(actions, key=lambda action: action.seconds))


@dataclass
class _Player:
    call: LiveCall
    voice: CustomerVoice
    call_format: CallFormat
    echo: Echo | None
    end: CallEnd
    on_event: Callable[[TimedEvent], None]
    loudspeaker: Loudspeaker | None
    leave: asyncio.Event
    events: list[TimedEvent] = field(default_factory=list)
    open_turns: set[str] = field(default_factory=set)
    spoken: list[Samples] = field(default_factory=list)
    lateness: float = 0.0
    active: float = 0.0
    unanswered: bool = False
    error: FrontdeskApiError | None = None

    def __post_init__(self) -> None:
        self.rate = self.call_format.sample_rate_hertz
        self.frame_length = round(self.rate * FRAME_SECONDS)
        self.playback = Playback(self.rate)
        self.decoder = self.call_format.decoder()
        self.began = asyncio.get_running_loop().time()

    async def play(self, actions: list[Action]) -> PlayedCall:
        reading = asyncio.create_task(self._read())
        try:
            await self._speak(reading, actions)
            if not reading.done():
                await self.call.hang_up()
                await asyncio.wait([reading], timeout=_GOODBYE_SECONDS)
        finally:
            reading.cancel()
            await asyncio.wait([reading])
        if not reading.cancelled():
            reading.result()
        self.playback.stop(self._now())  # nobody is there to hear the rest
        customer = np.concatenate(self.spoken or [np.zeros(0, np.int16)])
        length = max(len(customer), round(self.playback.ends * self.rate))
        return PlayedCall(
            sample_rate_hertz=self.rate,
            customer=np.pad(customer, (0, length - len(customer))),
            frontdesk=self.playback.heard(0, length),
            events=tuple(self.events),
            lateness_seconds=self.lateness,
            error=self.error,
        )

    async def _read(self) -> None:
        try:
            async for event in self.call:
                self._take(TimedEvent(self._now(), event))
        except FrontdeskApiError as error:
            self.error = error

    def _take(self, timed: TimedEvent) -> None:
        event = timed.event
        self.events.append(timed)
        kind = event.WhichOneof("event")
        match kind:
            case "turn_started":
                self.open_turns.add(event.turn_id)
            case "turn_completed":
                self.open_turns.discard(event.turn_id)
            case "notice" if event.notice.stage not in _DISPENSABLE:
                self.open_turns.discard(event.turn_id)  # it stays without answer
            case "answer_audio":
                samples = self.decoder.decode(event.answer_audio.audio)
                position = event.answer_audio.position.ToTimedelta().total_seconds()
                self.playback.add(timed.seconds, event.turn_id, position, samples)
                if self.loudspeaker:
                    self.loudspeaker.play(samples)
            case "playback_stop":
                self.playback.stop(timed.seconds)
                if self.loudspeaker:
                    self.loudspeaker.stop()
        if kind != "no_input":
            self.active = timed.seconds
            self.unanswered = kind in ("speech_started", "partial_transcript")
        self.on_event(timed)

    async def _speak(self, reading: "asyncio.Task[None]", actions: list[Action]) -> None:
        encoder = self.call_format.encoder()
        reported = None
        last_word: float | None = None
        async for number in self._frames():
            start = number * self.frame_length
            frame = None
            if last_word is None:
                frame = await self.voice.frame(start, self.frame_length, self.playback)
                if frame is None:
                    last_word = start / self.rate
                    self.active = max(self.active, last_word)
            if frame is None:
                frame = np.zeros(self.frame_length, np.int16)
            self.spoken.append(self._echoed(frame, start))
            while actions and actions[0].seconds <= self._now():
                await self._act(actions.pop(0))
            for message in encoder.encode(self.spoken[-1]):
                await self.call.send_audio(message)
            self.lateness = max(self.lateness, self._now() - (number + 1) * FRAME_SECONDS)
            position = self.playback.position(self._now())
            if position and position != reported and number % _REPORT_EVERY_FRAMES == 0:
                await self.call.report_playback(*position)
                reported = position
            if reading.done() or self.leave.is_set():
                return
            if last_word is not None and not actions and self._is_over(last_word):
                return

    async def _frames(self) -> AsyncIterator[int]:
        """Count the frames from 0, each when its time is over."""
        number = 0
        while True:
            await asyncio.sleep(max((number + 1) * FRAME_SECONDS - self._now(), 0.0))
            yield number
            number += 1

    def _echoed(self, frame: Samples, start: int) -> Samples:
        if self.echo is None:
            return frame
        played = self.playback.heard(start - round(self.echo.delay_seconds * self.rate), len(frame))
        mixed = frame + played * 10 ** (self.echo.gain_db / 20)
        echoed: Samples = np.clip(mixed, -32768, 32767).astype(np.int16)
        return echoed

    async def _act(self, action: Action) -> None:
        match action.what:
            case Keys(digits):
                await self.call.send_dtmf(digits)
            case TypedText(text):
                await self.call.send_text(text)
            case ShownImage(image):
                await self.call.send_image(image)
        self.active = self._now()

    def _is_over(self, last_word: float) -> bool:
        now = self._now()
        quiet_since = max(self.active, self.playback.ends)
        enough = self.end.quiet_seconds * (3 if self.unanswered else 1)
        quiet = not self.open_turns and now - quiet_since >= enough
        return quiet or now - last_word >= self.end.limit_seconds

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self.began
