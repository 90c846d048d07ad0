"""A turn's handler on fakes, in virtual time."""

from collections.abc import Sequence
from dataclasses import replace

from gateway.turn.answering import Answering
from gateway.turn.handler import TurnHandler, TurnPorts
from gateway.turn.perception import Perception
from gateway.turn.types import AudioInput, CustomerTurn, ImageInput, SpeechRequest, Stage, TimedEvent
from services.serving.errors import FrontdeskError
from tests.fakes.turn import (
    FakeDialogue,
    FakeEmbedder,
    FakeImageReader,
    FakeRecognizer,
    FakeSynthesizer,
    FakeTurnStore,
    Work,
)
from tests.harness.virtual_time import VirtualClock, run_virtually

TYPED = CustomerTurn("demo", "shop", "s1", "t1", text="Where is it?", language_code="en")
SPOKEN = CustomerTurn("demo", "shop", "s1", "t1", audio=AudioInput(b"wav"), speech=SpeechRequest())
SHOWN = CustomerTurn("demo", "shop", "s1", "t1", images=(ImageInput(b"Error 42", "image/png"),))
EVERYTHING = replace(SPOKEN, text="Order 17", images=SHOWN.images)


class Desk:
    """A handler on fakes."""

    def __init__(self) -> None:
        self.recognizer = FakeRecognizer()
        self.image_reader = FakeImageReader()
        self.embedder = FakeEmbedder()
        self.dialogue = FakeDialogue()
        self.synthesizer = FakeSynthesizer()
        self.store = FakeTurnStore()

    def handler(self) -> TurnHandler:
        perception = Perception(self.recognizer, self.image_reader, self.embedder)
        answering = Answering(self.dialogue, self.synthesizer, speech_stall_seconds=5.0)
        return TurnHandler(TurnPorts(perception, answering, self.store, VirtualClock()))

    def work(self, stage: Stage) -> Work:
        return {
            Stage.ASR: self.recognizer.work,
            Stage.VISION: self.image_reader.work,
            Stage.TEXT: self.embedder.work,
            Stage.DIALOGUE: self.dialogue.work,
            Stage.TTS: self.synthesizer.work,
            Stage.STORE: self.store.accepting,
        }[stage]

    def take(
        self, turn: CustomerTurn, budget: float = 20.0
    ) -> tuple[list[TimedEvent], FrontdeskError | None, float]:
        """Take a turn to its end: its events, its error, and the seconds that passed."""

        async def run() -> tuple[list[TimedEvent], FrontdeskError | None, float]:
            events: list[TimedEvent] = []
            try:
                async for event in self.handler().handle(turn, budget_seconds=budget):
                    events.append(event)
            except FrontdeskError as error:
                return events, error, VirtualClock().monotonic()
            return events, None, VirtualClock().monotonic()

        return run_virtually(run())


def bare(events: Sequence[TimedEvent]) -> list[object]:
    """The events without their times."""
    return [timed.event for timed in events]


def of(kind: type, events: Sequence[TimedEvent]) -> list[object]:
    """The events of one kind."""
    return [timed.event for timed in events if isinstance(timed.event, kind)]
