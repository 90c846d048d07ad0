"""A gateway's side of a call by a script, without a network: for the player that holds calls."""

import asyncio
from collections.abc import AsyncIterator

from frontdesk.gateway.v1 import conversation_pb2
from google.protobuf import duration_pb2

from gateway.client import FrontdeskApiError

Event = conversation_pb2.ConverseResponse


def seconds(value: float) -> duration_pb2.Duration:
    duration = duration_pb2.Duration()
    duration.FromNanoseconds(round(value * 1e9))
    return duration


class ScriptedCall:
    """Sends each event at its second of the call, ``goodbye`` at a hang-up; notes what is sent and when."""

    def __init__(self, script: list[tuple[float, Event]], failure: FrontdeskApiError | None = None) -> None:
        self.sent: list[tuple[float, str, object]] = []
        self._script = script
        self._failure = failure
        self._hung_up = asyncio.Event()
        self._began = asyncio.get_running_loop().time()

    def of(self, kind: str) -> list[tuple[float, object]]:
        """What was sent of a kind, with the second."""
        return [(when, what) for when, sort, what in self.sent if sort == kind]

    async def send_audio(self, audio: bytes) -> None:
        self._note("audio", audio)

    async def send_text(self, text: str) -> None:
        self._note("text", text)

    async def send_image(self, image: bytes) -> None:
        self._note("image", image)

    async def send_dtmf(self, digits: str) -> None:
        self._note("dtmf", digits)

    async def report_playback(self, turn_id: str, seconds: float) -> None:
        self._note("playback", (turn_id, round(seconds, 3)))

    async def hang_up(self) -> None:
        self._note("hang_up", None)
        self._hung_up.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        for when, event in self._script:
            await asyncio.sleep(when - self._now())
            yield event
        if self._failure:
            raise self._failure
        await self._hung_up.wait()
        goodbye = conversation_pb2.Goodbye(reason=conversation_pb2.GOODBYE_REASON_HANG_UP)
        yield Event(session_id="s1", goodbye=goodbye)

    def _note(self, kind: str, what: object) -> None:
        self.sent.append((round(self._now(), 3), kind, what))

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._began
