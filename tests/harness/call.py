"""A live call on fakes, in virtual time: a customer with a script, and what comes of it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gateway.call.call import Calls
from gateway.call.ports import CallPorts
from gateway.call.types import CallConfig, CallInput, CallLimits, TimedCallEvent
from gateway.turn.answering import Answering
from gateway.turn.hearing import CustomerAudio, StreamFormat
from gateway.turn.perception import Perception
from gateway.turn.turn_taking import TurnTaking
from gateway.turn.types import (
    AnswerAudio,
    AudioEncoding,
    DialogueState,
    SpeechEncoding,
    SpeechFormat,
    SpeechRequest,
)
from services.serving.errors import FrontdeskError
from tests.fakes.live_recognizer import FRAME_SECONDS, FakeLiveRecognizer
from tests.fakes.turn import (
    FakeDialogue,
    FakeEmbedder,
    FakeImageReader,
    FakeRecognizer,
    FakeTurnStore,
    Work,
)
from tests.harness.virtual_time import VirtualClock, run_virtually

T = TypeVar("T")
SECONDS_A_CHARACTER = 0.05
MULAW_BYTES = round(8_000 * SECONDS_A_CHARACTER)


@dataclass(frozen=True)
class Wait:
    """The customer's client sends nothing for so long, not even silence."""

    seconds: float


Script = Sequence[bytes | CallInput | Wait]


class FakeVoice:
    """Speaks each text as 0.05 s of µ-law a character, after ``work``."""

    def __init__(self) -> None:
        self.work = Work()
        self.spoken: list[str] = []

    async def speak(
        self, texts: AsyncIterator[str], speech: SpeechRequest, *, timeout_seconds: float
    ) -> AsyncGenerator[AnswerAudio]:
        self.work.calls.append(speech)
        async for text in texts:
            await self.work.wait(self.work.seconds)
            self.spoken.append(text)
            yield AnswerAudio(text[:1].encode() * (MULAW_BYTES * len(text)), speech.format)


class FakeSessions(FakeTurnStore):
    """Sessions for calls; ``taken`` ones are refused by ``error``."""

    def __init__(self) -> None:
        super().__init__()
        self.error: FrontdeskError | None = None
        self.held = 0

    @asynccontextmanager
    async def hold(self, tenant: str, session_id: str) -> AsyncIterator["FakeSessions"]:
        if self.error:
            raise self.error
        self.held += 1
        try:
            yield self
        finally:
            self.held -= 1


@dataclass
class Counted:
    """``CallMetrics`` in memory."""

    begun_early: int = 0
    anticipated: int = 0
    interrupted: int = 0
    final_seconds: list[float] = field(default_factory=list)

    def answer_begun_early(self) -> None:
        self.begun_early += 1

    def answer_anticipated(self) -> None:
        self.anticipated += 1

    def answer_interrupted(self) -> None:
        self.interrupted += 1

    def final_heard(self, seconds: float) -> None:
        self.final_seconds.append(seconds)


CONFIG = CallConfig(
    "demo",
    "shop",
    "s1",
    StreamFormat(AudioEncoding.MULAW, 8_000),
    SpeechRequest(SpeechFormat(SpeechEncoding.MULAW, 8_000)),
)


class LiveDesk:
    """Calls on fakes."""

    def __init__(self, *, most: int = 2, **turn_taking: object) -> None:
        self.recognizer = FakeLiveRecognizer()
        self.image_reader = FakeImageReader()
        self.embedder = FakeEmbedder()
        self.dialogue = FakeDialogue()
        self.voice = FakeVoice()
        self.sessions = FakeSessions()
        self.counted = Counted()
        self.limits = CallLimits()
        self.config = replace(CONFIG, turn_taking=TurnTaking(**turn_taking))  # type: ignore[arg-type]
        self.most = most
        self.renewed = 0

    def calls(self) -> Calls:
        ports = CallPorts(
            recognizer=self.recognizer,
            perception=Perception(FakeRecognizer(), self.image_reader, self.embedder),
            answering=Answering(self.dialogue, self.voice),
            sessions=self.sessions,
            clock=VirtualClock(),
            metrics=self.counted,
            pack=b"".join,
        )
        return Calls(ports, self.limits, self.most)

    def renew(self) -> None:
        self.renewed += 1

    def hold(self, script: Script) -> "HeldCall":
        """Hold a call whose customer does as the script says, in frames of 20 ms, and then half-closes."""

        async def run() -> HeldCall:
            return await self.run(self.calls(), play(script))

        return run_virtually(run())

    async def run(self, calls: Calls, inputs: AsyncIterator[CallInput]) -> "HeldCall":
        events: list[TimedCallEvent] = []
        error: FrontdeskError | None = None
        try:
            async with aclosing(calls.hold(self.config, inputs, self.renew)) as stream:
                async for event in stream:
                    events.append(event)
        except FrontdeskError as caught:
            error = caught
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        return HeldCall(events, error, VirtualClock().monotonic())


@dataclass(frozen=True)
class HeldCall:
    """What came of a call, and the second at which it ended."""

    events: list[TimedCallEvent]
    error: FrontdeskError | None
    seconds: float

    def of(self, kind: type[T]) -> list[T]:
        return [timed.event for timed in self.events if isinstance(timed.event, kind)]

    def at(self, kind: type) -> list[float]:
        """When events of a kind came."""
        return [timed.offset.total_seconds() for timed in self.events if isinstance(timed.event, kind)]

    @property
    def kinds(self) -> list[str]:
        """The events' kinds, those that repeat once."""
        names = [type(timed.event).__name__ for timed in self.events]
        return [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]


async def play(script: Script) -> AsyncIterator[CallInput]:
    """Play a script in real time: frames of audio last 20 ms, all else takes no time."""
    for item in script:
        if isinstance(item, Wait):
            await asyncio.sleep(item.seconds)
        elif isinstance(item, bytes):
            await asyncio.sleep(FRAME_SECONDS)
            yield CustomerAudio(item)
        else:
            yield item


def state_before() -> DialogueState:
    return DialogueState(b"before", "shop@1")
