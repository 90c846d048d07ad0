"""A session that belongs to one call. Pure."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from gateway.turn.ports import OpenTurn
from gateway.turn.types import CustomerTurn, DialogueState


class HeldSession:
    """A ``CallSession``: one turn at a time, each accepted by ``accept``."""

    def __init__(
        self, state: DialogueState | None, accept: Callable[[CustomerTurn], Awaitable[OpenTurn]]
    ) -> None:
        self.state = state
        self._accept = accept
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def open(self, turn: CustomerTurn) -> AsyncIterator[OpenTurn]:
        """Accept a turn when the one before is closed."""
        async with self._turn:
            yield await self._accept(turn)
