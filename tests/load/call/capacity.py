"""How many calls at once are answered in time, and that one more is refused."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from frontdesk.asr.v1 import asr_pb2
from frontdesk.gateway.v1 import conversation_pb2

from gateway.client import Call, FrontdeskApiError, FrontdeskClient
from tests.load.call.holding import Asked, ask_all
from tests.load.call.recordings import SAMPLE_RATE, Recording
from tests.load.call.summary import first_audios, times

LIMIT_SECONDS = 1.2
"""What p95 of the first audio may be."""
REQUIRED = (1, 2, 4)
"""Numbers of calls that are measured whatever comes out."""
_ROUNDS = 5
_LEAST_CALLS = 12


async def measure(client: FrontdeskClient, questions: Sequence[Recording], lanes: int) -> Mapping[str, Any]:
    """First audio while ``lanes`` customers ask at a time."""
    count = max(_LEAST_CALLS, _ROUNDS * lanes)
    asked = [questions[index % len(questions)] for index in range(count)]
    return figures(await ask_all(client, asked, lanes))


def figures(calls: Sequence[Asked]) -> Mapping[str, Any]:
    """What one number of calls came to."""
    return {
        "first_audio": times(first_audios(calls)),
        "cut_off": sum(call.cut_off for call in calls),
        "unanswered": sum(call.first_audio is None for call in calls),
        "failed": sorted({call.error for call in calls if call.error}),
        "client_lateness_ms": round(1000 * max(call.lateness for call in calls), 1),
    }


def holds(level: Mapping[str, Any]) -> bool:
    """Whether all calls of a level were answered, and in time."""
    p95 = level["first_audio"]["p95_ms"]
    return p95 is not None and p95 <= 1000 * LIMIT_SECONDS and not level["unanswered"] and not level["failed"]


def next_level(levels: Mapping[int, bool]) -> int | None:
    """The number of calls to measure next; None when the greatest that holds is known.

    First the required ones; then up by two while all hold, and between the greatest that holds and the
    least that does not.
    """
    for required in REQUIRED:
        if required not in levels:
            return required
    good, bad = greatest(levels), min((lanes for lanes, held in levels.items() if not held), default=None)
    if bad is None:
        return max(levels) + 2
    return (good + bad) // 2 if bad - good > 1 else None


def greatest(levels: Mapping[int, bool]) -> int:
    """The greatest number of calls that holds, with all measured below it; 0 where not even one does."""
    bad = min((lanes for lanes, held in levels.items() if not held), default=None)
    return max((lanes for lanes, held in levels.items() if held and (bad is None or lanes < bad)), default=0)


async def refusal(client: FrontdeskClient, calls: int) -> Mapping[str, Any]:
    """Hold ``calls`` idle calls, and ask for one more: how, and how soon, it is refused."""
    async with AsyncExitStack() as stack:
        for _ in range(calls):
            held = await stack.enter_async_context(_call(client))
            first = await anext(aiter(held))
            assert first.WhichOneof("event") == "call_started"
        began = time.perf_counter()
        try:
            async with _call(client) as one_more:
                event = await anext(aiter(one_more))
            return {"refused": False, "event": event.WhichOneof("event")}
        except FrontdeskApiError as error:
            taken = time.perf_counter() - began
            return {
                "refused": error.reason == "CALLS_AT_CAPACITY",
                "code": error.code.name,
                "reason": error.reason,
                "ms": round(1000 * taken, 1),
            }


def _call(client: FrontdeskClient) -> Call:
    config = conversation_pb2.ConverseConfig(
        encoding=asr_pb2.AUDIO_ENCODING_LINEAR16, sample_rate_hertz=SAMPLE_RATE, language_code="en"
    )
    return client.converse(config, timeout_seconds=60)
