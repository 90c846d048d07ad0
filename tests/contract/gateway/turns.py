"""Turns and conversations by a gateway of the harness."""

import asyncio
from typing import Any

from frontdesk.asr.v1 import asr_pb2
from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.tts.v1 import tts_pb2

from tests.contract.conformance import Answer, Peer, call
from tests.fakes.services import PNG
from tests.harness.gateway import ServedGateway
from tests.harness.grpc_server import bearer

CONVERSATIONS = conversation_pb2.DESCRIPTOR.services_by_name["ConversationService"]
HANDLE_TURN = CONVERSATIONS.methods_by_name["HandleTurn"]
GET_CONVERSATION = CONVERSATIONS.methods_by_name["GetConversation"]
Event = conversation_pb2.HandleTurnResponse
SHORT_CALL = [
    conversation_pb2.ConverseRequest(
        config=conversation_pb2.ConverseConfig(encoding=asr_pb2.AUDIO_ENCODING_MULAW, sample_rate_hertz=8000)
    ),
    conversation_pb2.ConverseRequest(audio=b"\xff" * 160),
]
"""20 ms of silence, half-closed."""


def request(**fields: Any) -> conversation_pb2.HandleTurnRequest:
    return conversation_pb2.HandleTurnRequest(**({"session_id": "s1", "turn_id": "t1"} | fields))


def spoken(**fields: Any) -> conversation_pb2.HandleTurnRequest:
    audio = conversation_pb2.AudioInput(content=b"RIFF spoken")
    speech = conversation_pb2.AnswerAudioConfig(
        format=tts_pb2.OutputFormat(encoding=tts_pb2.OUTPUT_ENCODING_MULAW, sample_rate_hertz=8000)
    )
    return request(**({"audio": audio, "answer_audio": speech} | fields))


def picture(words: str) -> conversation_pb2.ImageInput:
    """A picture that the scripted vision reads these words in."""
    return conversation_pb2.ImageInput(content=PNG + words.encode())


async def take(
    gateway: ServedGateway, message: conversation_pb2.HandleTurnRequest, seconds: float = 5.0, key: str = ""
) -> Answer:
    peer = Peer(
        gateway.served.bare_channel,
        (lambda: bearer(key)) if key else gateway.served.metadata,
        timeout_seconds=seconds,
    )
    return await call(peer, HANDLE_TURN, [message.SerializeToString()])


async def conversation(gateway: ServedGateway, **fields: Any) -> conversation_pb2.GetConversationResponse:
    message = conversation_pb2.GetConversationRequest(**({"session_id": "s1"} | fields))
    answer = await call(Peer.of(gateway.served), GET_CONVERSATION, [message.SerializeToString()])
    if answer.error:
        raise answer.error
    [response] = answer.responses
    assert isinstance(response, conversation_pb2.GetConversationResponse)
    return response


def events(answer: Answer) -> list[Event]:
    return [event for event in answer.responses if isinstance(event, Event)]


def kinds(answer: Answer) -> list[str]:
    assert answer.error is None, answer.error
    return [str(event.WhichOneof("event")) for event in events(answer)]


def audio(answer: Answer) -> list[bytes]:
    return [event.answer_audio.audio for event in events(answer) if event.HasField("answer_audio")]


def without_time(answer: Answer) -> list[Event]:
    """The events but for their times and the mark of a replay."""
    bare = []
    for response in answer.responses:
        event = Event.FromString(response.SerializeToString())
        event.ClearField("event_offset")
        if event.HasField("turn_completed"):
            event.turn_completed.ClearField("timings")
            event.turn_completed.ClearField("replayed")
        bare.append(event)
    return bare


async def until(happened: Any) -> None:
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110 (what is awaited has no event)
            await asyncio.sleep(0.01)
