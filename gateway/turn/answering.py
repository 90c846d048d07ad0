"""An answer on its way: decided and written by dialogue, spoken while it is being written. Pure."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from gateway.turn.background import background
from gateway.turn.features import CustomerInput
from gateway.turn.ports import Dialogue, Synthesizer
from gateway.turn.stages import Stages
from gateway.turn.types import (
    AnswerText,
    DialogueCompleted,
    DialogueState,
    Notice,
    SpeechRequest,
    Stage,
    TurnEvent,
    Understood,
)
from services.serving.errors import FrontdeskError, Unavailable

Tell = Callable[[TurnEvent], None]


@dataclass(frozen=True, slots=True)
class Answering:
    """Answers turns. Holds nothing between them.

    Speech is given up when no audio comes for ``speech_stall_seconds``.
    """

    dialogue: Dialogue
    synthesizer: Synthesizer
    speech_stall_seconds: float = 10.0

    async def answer(
        self,
        customer: CustomerInput,
        state: DialogueState | None,
        domain: str,
        speech: SpeechRequest | None,
        stages: Stages,
        tell: Tell,
    ) -> DialogueCompleted:
        """Answer a customer; ``tell`` each event as it comes, and return when all is written and spoken.

        Texts, citations and audio keep their own order, and a text always comes
        before its audio. Failing speech is a Notice. Raises Unavailable,
        DeadlineExceeded and what dialogue refuses. Cancelling it cancels the peers.
        """
        seconds = stages.seconds_for(Stage.DIALOGUE)
        stream = self.dialogue.respond(customer, state, domain, timeout_seconds=seconds)
        written = _Written()
        async with background(self._speak(written, speech, stages, tell)) as speaking:
            completed = await stages.needed(Stage.DIALOGUE, seconds, _write(stream, written, tell))
            await speaking
        return completed

    async def _speak(
        self, written: "_Written", speech: SpeechRequest | None, stages: Stages, tell: Tell
    ) -> None:
        """Speak the answer while it is being written; what goes wrong becomes a notice."""
        if speech is None or not await written.has_begun():
            return
        if not speech.language_code and not speech.voice:
            speech = replace(speech, language_code=written.language_code)
        try:
            with stages.timed(Stage.TTS):
                await self._synthesize(written, speech, stages, tell)
        except (FrontdeskError, TimeoutError) as error:
            cause = str(error) or "no audio came in time"
            message = f"the answer's speech is missing or incomplete: {cause}"
            tell(Notice(Stage.TTS, "SPEECH_UNAVAILABLE", message))

    async def _synthesize(
        self, written: "_Written", speech: SpeechRequest, stages: Stages, tell: Tell
    ) -> None:
        seconds = stages.seconds_for(Stage.TTS)
        audio = self.synthesizer.speak(written.texts(), speech, timeout_seconds=seconds)
        async with asyncio.timeout(seconds), aclosing(audio):
            while True:
                async with asyncio.timeout(self.speech_stall_seconds):
                    piece = await anext(audio, None)
                if piece is None:
                    return
                tell(piece)


async def _write(
    stream: AsyncGenerator[TurnEvent | DialogueCompleted], written: "_Written", tell: Tell
) -> DialogueCompleted:
    completed = None
    async with aclosing(stream):
        async for event in stream:
            if isinstance(event, DialogueCompleted):
                completed = event
                continue
            tell(event)
            if isinstance(event, Understood):
                written.language_code = event.language_code
            elif isinstance(event, AnswerText):
                written.append(event.delta)
    if completed is None:
        raise Unavailable("DIALOGUE_INCOMPLETE", "dialogue ended without completing its answer: try again")
    written.end()
    return completed


class _Written:
    """The answer's text on its way from dialogue to speech."""

    def __init__(self) -> None:
        self.language_code = ""
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()
        self._first: str | None = None

    def append(self, piece: str) -> None:
        """Add what was written."""
        self._pieces.put_nowait(piece)

    def end(self) -> None:
        """Say that nothing follows."""
        self._pieces.put_nowait(None)

    async def has_begun(self) -> bool:
        """Wait for the first piece; False when the answer ends without one."""
        self._first = await self._pieces.get()
        return self._first is not None

    async def texts(self) -> AsyncIterator[str]:
        """Yield all pieces as they are written."""
        piece = self._first
        while piece is not None:
            yield piece
            piece = await self._pieces.get()
