"""Live calls through the gateway, the services and a real Triton with real models.

The customer's voice is synthesised, but for the recordings of AN4.
"""

import asyncio
from collections.abc import Sequence

import jiwer
import numpy as np
import pytest
from frontdesk.asr.v1 import asr_pb2
from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.tts.v1 import tts_pb2

from gateway.cli.call_coding import CallFormat, Coding, Samples
from gateway.cli.call_player import CallEnd, PlayedCall, play_call
from gateway.cli.call_voice import Recording
from gateway.client import FrontdeskClient
from tests.harness.spoken_words import words_of

pytestmark = pytest.mark.integration

CUSTOMER_VOICE = "am_michael"
DELIVERY = "How long does standard delivery take?"
TELEPHONE = CallFormat(Coding.MULAW, 8_000)


def spoken(client: FrontdeskClient, text: str, call_format: CallFormat) -> Samples:
    wanted = tts_pb2.OutputFormat(sample_rate_hertz=call_format.sample_rate_hertz)
    said = client.synthesize(text, voice=CUSTOMER_VOICE, audio_format=wanted)
    return np.frombuffer(said.audio, np.int16)


def quiet(seconds: float, call_format: CallFormat) -> Samples:
    return np.zeros(round(seconds * call_format.sample_rate_hertz), np.int16)


def hold(
    client: FrontdeskClient, parts: Sequence[Samples], call_format: CallFormat, session_id: str = ""
) -> PlayedCall:
    return asyncio.run(played(client, parts, call_format, session_id))


async def played(
    client: FrontdeskClient, parts: Sequence[Samples], call_format: CallFormat, session_id: str = ""
) -> PlayedCall:
    config = conversation_pb2.ConverseConfig(
        session_id=session_id,
        encoding=call_format.coding.on_the_wire,
        sample_rate_hertz=call_format.sample_rate_hertz,
        language_code="en",
    )
    async with client.converse(config) as call:
        voice = Recording(np.concatenate(parts))
        return await play_call(call, voice, call_format, end=CallEnd(quiet_seconds=6.0))


def of(call: PlayedCall, kind: str) -> list[conversation_pb2.ConverseResponse]:
    return [timed.event for timed in call.events if timed.event.WhichOneof("event") == kind]


@pytest.mark.parametrize(
    "call_format",
    [
        TELEPHONE,
        CallFormat(Coding.ALAW, 8_000),
        CallFormat(Coding.LINEAR16, 16_000),
        CallFormat(Coding.OPUS, 48_000),
    ],
    ids=lambda one: one.coding.value,
)
def test_a_question_in_a_call_is_answered_in_its_own_coding(
    client: FrontdeskClient, call_format: CallFormat
) -> None:
    session = f"call-{call_format.coding.value}"
    call = hold(
        client, [quiet(0.5, call_format), spoken(client, DELIVERY, call_format)], call_format, session
    )

    assert call.error is None
    [final] = of(call, "final_transcript")
    assert jiwer.wer(words_of(DELIVERY), words_of(final.final_transcript.text)) <= 0.2
    [completed] = of(call, "turn_completed")
    assert "three to five business days" in completed.turn_completed.answer
    assert not completed.turn_completed.interrupted
    heard = client.transcribe(
        call.frontdesk.tobytes(),
        config=asr_pb2.RecognitionConfig(
            encoding=asr_pb2.AUDIO_ENCODING_LINEAR16,
            sample_rate_hertz=call_format.sample_rate_hertz,
            language_code="en",
        ),
    )
    answer = completed.turn_completed.answer
    assert jiwer.wer(words_of(answer), words_of(heard.transcript)) <= 0.25
    [turn] = client.get_conversation(session).turns
    assert turn.answer == answer
    explained = client.explain_turn(session, turn.turn_id)
    assert explained.passage_id == "delivery-times"


def test_who_speaks_during_the_answer_stops_it(client: FrontdeskClient) -> None:
    parts = [
        spoken(client, DELIVERY, TELEPHONE),
        quiet(3.5, TELEPHONE),
        spoken(client, "No, I want to return my shoes.", TELEPHONE),
    ]
    call = hold(client, parts, TELEPHONE)
    assert call.error is None
    stops = of(call, "playback_stop")
    assert stops
    first, *_, last = of(call, "turn_completed")
    assert first.turn_completed.interrupted
    assert "return" in of(call, "final_transcript")[-1].final_transcript.text
    assert not last.turn_completed.interrupted


def test_two_calls_do_not_hear_each_other(client: FrontdeskClient) -> None:
    async def both() -> tuple[PlayedCall, PlayedCall]:
        first, second = await asyncio.gather(
            played(client, [spoken(client, DELIVERY, TELEPHONE)], TELEPHONE),
            played(client, [spoken(client, "Can I return my shoes?", TELEPHONE)], TELEPHONE),
        )
        return first, second

    first, second = asyncio.run(both())
    for call, own, other in ((first, "delivery", "shoes"), (second, "shoes", "delivery")):
        assert call.error is None
        said = " ".join(event.final_transcript.text for event in of(call, "final_transcript")).lower()
        assert own in said
        assert other not in said
