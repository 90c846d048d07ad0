"""Holding the benchmark's calls, and what each of them says."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from frontdesk.gateway.v1 import conversation_pb2

from gateway.cli.call_coding import CallFormat, Coding, Samples
from gateway.cli.call_player import Action, CallEnd, Echo, PlayedCall, TimedEvent, play_call
from gateway.cli.call_voice import CustomerVoice
from gateway.client import FrontdeskClient
from tests.load.call import measuring
from tests.load.call.customers import Asking
from tests.load.call.recordings import SAMPLE_RATE, Recording

FORMAT = CallFormat(Coding.LINEAR16, SAMPLE_RATE)
_AT_ONCE = CallEnd(quiet_seconds=0.0, limit_seconds=0.0)
_STAGGER_SECONDS = 0.7


async def hold(
    client: FrontdeskClient,
    voice: CustomerVoice,
    *,
    actions: Sequence[Action] = (),
    echo: Echo | None = None,
    call_format: CallFormat = FORMAT,
    timeout_seconds: float = 120.0,
) -> PlayedCall:
    """One call in English, until the voice has said all."""
    config = conversation_pb2.ConverseConfig(
        encoding=call_format.coding.on_the_wire,
        sample_rate_hertz=call_format.sample_rate_hertz,
        language_code="en",
    )
    async with client.converse(config, timeout_seconds=timeout_seconds) as call:
        return await play_call(call, voice, call_format, actions=actions, echo=echo, end=_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Asked:
    """One recording's call. Seconds; None where it did not come."""

    recording: Recording
    first_audio: float | None
    cut_off: bool
    first_partial: float | None
    """From the first voiced sample to the first words."""
    final_delay: float | None
    """From the last decision that the turn is over to its final words."""
    silence: float | None
    """What that decision waited for."""
    anticipated: bool
    transcript: str
    answer: str
    lateness: float
    error: str
    played: PlayedCall = field(repr=False)


def facts(recording: Recording, played: PlayedCall) -> Asked:
    """Read them off the stereo recording and the events."""
    customer, answer = floats(played.customer), floats(played.frontdesk)
    ends = of_kind(played, "end_of_turn")
    finals = of_kind(played, "final_transcript")
    partials = of_kind(played, "partial_transcript")
    spoken = measuring.voiced(customer, played.sample_rate_hertz)
    last = ends[-1].event.end_of_turn if ends else None
    cut_off = measuring.is_cut_off([end.seconds for end in ends], customer, played.sample_rate_hertz)
    return Asked(
        recording=recording,
        first_audio=measuring.first_audio(customer, answer, played.sample_rate_hertz),
        cut_off=cut_off,
        first_partial=partials[0].seconds - spoken[0].start if partials else None,
        final_delay=finals[-1].seconds - ends[-1].seconds if ends and finals else None,
        silence=last.silence.ToTimedelta().total_seconds() if last else None,
        anticipated=bool(last and last.anticipated),
        transcript=" ".join(final.event.final_transcript.text for final in finals),
        answer="".join(event.event.answer_text.delta for event in of_kind(played, "answer_text")),
        lateness=played.lateness_seconds,
        error=str(played.error or ""),
        played=played,
    )


async def ask_all(client: FrontdeskClient, recordings: Sequence[Recording], lanes: int) -> list[Asked]:
    """Hold ``lanes`` calls at a time until each recording had one, and return their facts in order."""
    waiting = list(enumerate(recordings))
    heard: dict[int, Asked] = {}

    async def lane(number: int) -> None:
        await asyncio.sleep(number * _STAGGER_SECONDS)
        while waiting:
            index, recording = waiting.pop(0)
            heard[index] = facts(recording, await hold(client, Asking(recording.samples)))

    await asyncio.gather(*(lane(number) for number in range(lanes)))
    return [heard[index] for index in sorted(heard)]


def of_kind(played: PlayedCall, kind: str) -> list[TimedEvent]:
    """The call's events of one kind, in order."""
    return [event for event in played.events if event.event.WhichOneof("event") == kind]


def floats(samples: Samples) -> measuring.Samples:
    """int16 → -1 to 1."""
    return samples.astype(np.float32) / 32768
