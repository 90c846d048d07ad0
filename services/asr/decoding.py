"""Decodings under way: one at a time for a stream, and partial ones give way to others'. Pure."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class DecodingTraffic:
    """How many decodings all streams of the process have under way.

    The model takes one after the other. A partial decoding is worth little, so it only starts when no
    other is under way: a stream whose speaker pauses then waits for one of them at most.
    """

    def __init__(self) -> None:
        self._under_way = 0

    @property
    def idle(self) -> bool:
        """Whether none is under way."""
        return self._under_way == 0

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Count one while the block runs."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


@dataclass(frozen=True, slots=True)
class Decoding:
    """One that is under way. ``settles_for`` is the end of speech that it holds as a whole, if it does."""

    task: asyncio.Task[None]
    settles_for: float | None
