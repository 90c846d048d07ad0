"""What goes to the recognizer of a call, in order, and no faster than it is taken. Pure."""

import asyncio
from collections.abc import AsyncIterator

from gateway.turn.hearing import CustomerAudio, EndUtterance, HearingInput, PlayedAudio

_MOST_WAITING = 25
"""Pieces of the customer's audio: half a second of 20 ms each. What the recognizer holds comes on top."""


class HearingFeed:
    """Bounded: the customer's audio waits for its place, played audio is dropped where it has none."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[HearingInput | None] = asyncio.Queue()
        self._places = asyncio.Semaphore(_MOST_WAITING)
        self._ended = False

    async def say(self, audio: CustomerAudio) -> None:
        """Add the customer's audio; waits while too much of it waits."""
        await self._places.acquire()
        self._put(audio)

    def play(self, audio: bytes) -> None:
        """Add what is being played to the customer."""
        if self._queue.qsize() < 4 * _MOST_WAITING:
            self._put(PlayedAudio(audio))

    def end_utterance(self) -> None:
        """Ask for the final of the utterance under way."""
        self._put(EndUtterance())

    def end(self) -> None:
        """Say that nothing follows."""
        self._put(None)
        self._ended = True

    async def items(self) -> AsyncIterator[HearingInput]:
        """Yield all until the end."""
        while (item := await self._queue.get()) is not None:
            if isinstance(item, CustomerAudio):
                self._places.release()
            yield item

    def _put(self, item: HearingInput | None) -> None:
        if not self._ended:
            self._queue.put_nowait(item)
