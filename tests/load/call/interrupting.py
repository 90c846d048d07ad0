"""How soon an answer stops when the customer speaks into it, and that its own echo does not stop it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gateway.cli.call_player import Action, Echo, PlayedCall, TypedText
from gateway.client import FrontdeskClient
from tests.load.call import measuring
from tests.load.call.customers import Interrupting, Listening
from tests.load.call.holding import floats, hold, of_kind
from tests.load.call.recordings import SAMPLE_RATE, Recording
from tests.load.call.summary import times

ECHO_DB = -20.0
_ECHO_DELAYS = (0.02, 0.1, 0.2, 0.3)
"""Seconds: an analogue hybrid, a mobile call, a speakerphone over the internet."""
_ASK_AT = 0.2
_AFTER = (0.6, 1.0, 1.6)
"""Seconds of the answer that are heard before the customer interrupts, in turn."""
_MOST_SECONDS = 5.0
_ECHO_BUDGET_SECONDS = 140.0
"""For all stretches; those that would begin later are left out."""


async def barge_in(
    client: FrontdeskClient, interruptions: Sequence[Recording], questions: Sequence[str]
) -> Mapping[str, Any]:
    """Interrupt an answer with each real recording, its echo on the line; one call at a time."""
    delays: list[float] = []
    missed = unplayed = early = 0
    for index, recording in enumerate(interruptions):
        customer = Interrupting(recording.samples, after_seconds=_AFTER[index % len(_AFTER)])
        question = questions[index % len(questions)]
        played = await _asked(client, customer, question, _ECHO_DELAYS[index % len(_ECHO_DELAYS)])
        if customer.spoke_from is None:
            unplayed += 1
            continue
        lead = measuring.voiced(floats(recording.samples), SAMPLE_RATE)[0].start
        spoke = customer.spoke_from / SAMPLE_RATE + lead
        stops = [event.seconds for event in of_kind(played, "playback_stop")]
        early += any(stop < spoke for stop in stops)
        delay = measuring.interruption(spoke, stops)
        missed += delay is None
        delays += [] if delay is None else [delay]
    return {"stop": times(delays), "missed": missed, "stopped_before": early, "no_answer": unplayed}


async def echo(
    client: FrontdeskClient, questions: Sequence[str], stretches: int, lanes: int
) -> Mapping[str, Any]:
    """Play ``stretches`` answers to customers who say nothing, and whose line returns the answer's sound."""
    waiting = list(range(stretches))
    until = time.monotonic() + _ECHO_BUDGET_SECONDS
    calls: list[PlayedCall] = []

    async def lane() -> None:
        while waiting and time.monotonic() < until:
            index = waiting.pop(0)
            delay = _ECHO_DELAYS[index % len(_ECHO_DELAYS)]
            listening = Listening(_MOST_SECONDS)
            calls.append(await _asked(client, listening, questions[index % len(questions)], delay))

    await asyncio.gather(*(lane() for _ in range(lanes)))
    heard = [call for call in calls if np.any(call.frontdesk)]
    stopped = sum(bool(of_kind(call, "playback_stop")) for call in heard)
    return {
        "level_db": ECHO_DB,
        "stretches": len(heard),
        "seconds": round(sum(np.count_nonzero(call.frontdesk) for call in heard) / SAMPLE_RATE, 1),
        "stopped": stopped,
        "false_stop_rate": round(stopped / len(heard), 4) if heard else None,
        "speech_started": sum(bool(of_kind(call, "speech_started")) for call in heard),
        "no_answer": len(calls) - len(heard),
    }


async def _asked(
    client: FrontdeskClient, customer: Interrupting | Listening, question: str, delay: float
) -> PlayedCall:
    ask = Action(_ASK_AT, TypedText(question))
    return await hold(client, customer, actions=[ask], echo=Echo(ECHO_DB, delay))
