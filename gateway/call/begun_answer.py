"""An answer that was begun, perhaps before it is known to be wanted. Pure."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from gateway.call.gathering import Question
from gateway.call.ports import CallPorts
from gateway.call.types import CallConfig, CallLimits
from gateway.turn.stages import Stages
from gateway.turn.types import CustomerTurn, DialogueCompleted, DialogueState, TurnEvent


class BegunAnswer:
    """Runs by itself and keeps its events until they are taken; tells nobody before.

    Its stages' times count from its beginning. ``changed`` is called whenever there is something to take.
    """

    def __init__(
        self,
        question: Question,
        state: DialogueState | None,
        config: CallConfig,
        ports: CallPorts,
        limits: CallLimits,
        changed: Callable[[], None],
        renew_credential: Callable[[], None],
    ) -> None:
        self.question = question
        self.stages = Stages(ports.clock, limits.turn_seconds, ports.plan)
        self._state = state
        self._config = config
        self._ports = ports
        self._changed = changed
        self._renew_credential = renew_credential
        self._events: deque[TurnEvent] = deque()
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._end)

    @property
    def done(self) -> bool:
        """Whether nothing more will come."""
        return self._task.done()

    @property
    def failed(self) -> bool:
        """Whether it ended without an answer."""
        return self.done and (self._task.cancelled() or self._task.exception() is not None)

    @property
    def completed(self) -> DialogueCompleted | None:
        """What dialogue decided; None while it is not known. Raises what the answer failed with."""
        return self._task.result() if self._task.done() and not self._task.cancelled() else None

    def take(self) -> list[TurnEvent]:
        """Return the events since the last time."""
        taken = list(self._events)
        self._events.clear()
        return taken

    def cancel(self) -> None:
        """Stop it, and with it the services that work for it."""
        self._task.cancel()

    async def ended(self) -> None:
        """Wait until nothing of it runs."""
        await asyncio.wait([self._task])

    async def _run(self) -> DialogueCompleted:
        self._renew_credential()
        config, question = self._config, self.question
        turn = CustomerTurn(
            tenant=config.tenant,
            domain=config.domain,
            session_id=config.session_id,
            turn_id="",
            text=question.typed,
            images=question.images,
            language_code=config.stream_format.language_code,
        )
        perceived = await self._ports.perception.perceive(turn, self.stages, self._tell)
        perceived = replace(
            perceived,
            said=question.said,
            language_code=perceived.language_code or question.language_code,
            acoustic=question.acoustic if question.images else None,
        )
        customer = await self._ports.perception.embed(perceived, self.stages)
        return await self._ports.answering.answer(
            customer, self._state, config.domain, config.speech, self.stages, self._tell
        )

    def _end(self, task: asyncio.Task[DialogueCompleted]) -> None:
        if not task.cancelled():
            task.exception()  # seen: asyncio need not complain where nobody asks for it
        self._changed()

    def _tell(self, event: TurnEvent) -> None:
        self._events.append(event)
        self._changed()
