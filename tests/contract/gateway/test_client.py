"""The Python client, against a real gateway."""

import ast
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.tts.v1 import tts_pb2
from frontdesk.vision.v1 import vision_pb2

from gateway.client import FrontdeskApiError, FrontdeskClient, TurnResult, collect_turn
from services.serving.errors import FieldViolation, InvalidArgument, Unavailable
from tests.fakes.services import ANSWER, ANSWER_PICTURE, PNG, FakeServices
from tests.harness.gateway import API_KEY, ServedGateway, serving_gateway
from tests.harness.grpc_server import serving

T = TypeVar("T")


@pytest.fixture
def peers() -> FakeServices:
    return FakeServices()


@pytest.fixture
async def gateway(tmp_path: Path, peers: FakeServices) -> AsyncIterator[ServedGateway]:
    async with serving_gateway(tmp_path, peers.registrations()) as served:
        yield served


async def blocking(gateway: ServedGateway, use: Callable[[FrontdeskClient], T], **options: float | str) -> T:
    def run() -> T:
        with gateway.client(**options) as client:  # type: ignore[arg-type]
            return use(client)

    return await asyncio.to_thread(run)


async def refusal(
    gateway: ServedGateway, use: Callable[[FrontdeskClient], object], **options: float | str
) -> FrontdeskApiError:
    with pytest.raises(FrontdeskApiError) as refused:
        await blocking(gateway, use, **options)
    return refused.value


async def test_a_turn_is_collected(gateway: ServedGateway) -> None:
    def take(client: FrontdeskClient) -> tuple[TurnResult, TurnResult]:
        turn = client.take_turn(
            text="a person please", audio=b"RIFF", answer_audio=True, session_id="s1", turn_id="t1"
        )
        again = client.take_turn(
            text="a person please", audio=b"RIFF", answer_audio=True, session_id="s1", turn_id="t1"
        )
        return turn, again

    turn, again = await blocking(gateway, take)
    assert (turn.session_id, turn.turn_id) == ("s1", "t1")
    assert turn.answer == "".join(ANSWER)
    assert turn.decision == "HANDOFF"
    assert turn.handoff is not None
    assert turn.handoff.summary == "wants a person"
    assert [citation.passage_id for citation in turn.citations] == ["orders.track"]
    assert turn.audio == b"".join(piece.encode() + b"\x00\xff" for piece in ANSWER)
    assert turn.audio_format == tts_pb2.OutputFormat(
        encoding=tts_pb2.OUTPUT_ENCODING_LINEAR16, sample_rate_hertz=24000
    )
    assert turn.transcript is not None
    assert turn.transcript.text == "where is my order"
    assert turn.understanding is not None
    assert turn.understanding.intents[0].intent == "order_status"
    assert set(turn.timings) == {"ASR", "TEXT", "DIALOGUE", "TTS", "STORE"}
    assert turn.first_text_seconds is not None
    assert turn.first_audio_seconds is not None
    assert 0 < turn.first_text_seconds <= turn.first_audio_seconds <= turn.total_seconds
    assert not turn.replayed
    assert again.replayed
    assert again.audio == turn.audio


async def test_without_speech_there_is_none(gateway: ServedGateway) -> None:
    turn = await blocking(gateway, lambda client: client.take_turn(text="hello"))
    assert (turn.audio, turn.audio_format, turn.transcript, turn.first_audio_seconds) == (
        b"",
        None,
        None,
        None,
    )
    assert turn.decision == "ANSWER"


async def test_pictures_are_collected(gateway: ServedGateway) -> None:
    images = [PNG + b"Error 42", PNG + b"Error 43"]
    turn = await blocking(gateway, lambda client: client.take_turn(text="why?", images=images))
    assert [(seen.image_index, seen.lines[0].text) for seen in turn.images_seen] == [
        (0, "Error 42"),
        (1, "Error 43"),
    ]
    assert turn.pictures == (ANSWER_PICTURE,)
    assert "VISION" in turn.timings
    assert not turn.notices


async def test_a_picture_that_was_not_seen_is_missing_and_noted(
    gateway: ServedGateway, peers: FakeServices
) -> None:
    peers.failing["AnnotateImage"] = Unavailable("MODEL_UNAVAILABLE", "the model restarts")
    turn = await blocking(gateway, lambda client: client.take_turn(images=[PNG + b"Error 42"]))
    assert (turn.images_seen, turn.pictures) == ((), ())
    assert [notice.reason for notice in turn.notices] == ["VISION_UNAVAILABLE"]


async def test_pictures_can_be_looked_at_one_by_one(gateway: ServedGateway, peers: FakeServices) -> None:
    image = PNG + b"Error 42"

    def use(client: FrontdeskClient) -> None:
        features = client.annotate_image(image, domain="shop")
        assert [line.text for line in features.lines] == ["Error 42"]
        assert list(peers.annotating[-1].features) == [
            vision_pb2.IMAGE_FEATURE_TEXT,
            vision_pb2.IMAGE_FEATURE_LABELS,
        ]
        assert peers.annotating[-1].domain == "shop"
        client.annotate_image(image, features=["embedding"])
        assert list(peers.annotating[-1].features) == [vision_pb2.IMAGE_FEATURE_EMBEDDING]
        assert list(client.embed_image(image).pooled) == [1.0, 2.0]
        assert not client.embed_image(image).regions
        assert list(client.embed_image(image, include_regions=True).regions) == [1.0, 2.0]
        assert client.read_text(image).text == "Error 42"
        assert client.classify_image(image).labels[0].label == "modem"
        shown = client.classify_image(image, domain="shop", max_labels=3)
        assert (shown.products[0].label, shown.model) == ("brook-r2", "picture_shop@3")

    await blocking(gateway, use)
    error = await refusal(gateway, lambda client: client.read_text(b"GIF89a"))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "IMAGE_UNDECODABLE")
    assert [violation.field for violation in error.violations] == ["image"]


async def test_leaving_a_turn_cancels_it(gateway: ServedGateway, peers: FakeServices) -> None:
    peers.hanging.add("Respond")

    def leave(client: FrontdeskClient) -> None:
        events = client.handle_turn(text="hello")
        assert next(events).HasField("turn_started")
        assert not peers.cancelled
        while not peers.responding:
            time.sleep(0.01)
        events.close()  # type: ignore[attr-defined]
        for _ in range(500):
            if "Respond" in peers.cancelled:
                return
            time.sleep(0.01)

    await blocking(gateway, leave)
    assert "Respond" in peers.cancelled


async def test_the_other_calls_come_through(gateway: ServedGateway) -> None:
    def use(client: FrontdeskClient) -> None:
        assert client.transcribe(b"RIFF", language="en").transcript == "where is my order"
        assert client.synthesize("hello", voice="bella").audio == b"hello"
        assert [voice.name for voice in client.list_voices()] == ["bella"]
        assert len(client.embed(["one", "two"], input_type="passage").embeddings) == 2
        assert client.search("order", top_k=3).hits[0].text == "top 3"
        client.take_turn(text="hello", session_id="s1")
        assert client.get_conversation("s1").turns[0].text == "hello"
        assert client.health() == "SERVING"
        assert client.health("frontdesk.gateway.v1.ConversationService") == "SERVING"

    await blocking(gateway, use)


async def test_health_of_each_service_is_its_own(tmp_path: Path, peers: FakeServices) -> None:
    def use(client: FrontdeskClient) -> None:
        assert client.health() == "SERVING"
        assert client.health("frontdesk.gateway.v1.ConversationService") == "SERVING"
        assert client.health("frontdesk.text.v1.TextService") == "SERVING"
        assert client.health("frontdesk.vision.v1.VisionService") == "NOT_SERVING"
        assert client.health("frontdesk.dialogue.v1.KnowledgeService") == "SERVING"
        assert client.health("frontdesk.asr.v1.AsrService") == "NOT_SERVING"

    absent = {"asr": "127.0.0.1:1", "vision": "127.0.0.1:1"}
    async with serving_gateway(tmp_path, peers.registrations(), targets=absent) as gateway:
        await blocking(gateway, use)


async def test_errors_say_what_is_wrong(gateway: ServedGateway, peers: FakeServices) -> None:
    error = await refusal(gateway, lambda client: client.take_turn(text="x", language="fr"))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "LANGUAGE_UNKNOWN")
    assert [violation.field for violation in error.violations] == ["language_code"]
    assert str(error).startswith("INVALID_ARGUMENT (LANGUAGE_UNKNOWN): language_code is no language")
    error = await refusal(gateway, lambda client: client.synthesize("slow"))
    assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "MODEL_UNAVAILABLE")
    assert error.retry_after_seconds == 1.5
    peers.failing["Search"] = InvalidArgument(
        "MANY", "several things", violations=[FieldViolation("a", "first"), FieldViolation("b", "second")]
    )
    error = await refusal(gateway, lambda client: client.search("x"))
    assert str(error).splitlines() == ["INVALID_ARGUMENT (MANY): several things", "  a: first", "  b: second"]


async def test_a_wrong_key_is_unauthenticated(gateway: ServedGateway) -> None:
    error = await refusal(gateway, lambda client: client.take_turn(text="x"), api_key="wrong")
    assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, "API_KEY_UNKNOWN")


async def test_a_key_with_a_line_break_is_the_key(gateway: ServedGateway) -> None:
    assert await blocking(gateway, lambda client: client.search("x"), api_key=f"{API_KEY}\n")


def test_what_cannot_be_a_key_is_refused_before_any_call() -> None:
    with pytest.raises(ValueError, match="API key"):
        FrontdeskClient("127.0.0.1:1", "字")


async def test_the_clients_timeout_is_the_deadline(gateway: ServedGateway, peers: FakeServices) -> None:
    peers.hanging.add("Search")
    error = await refusal(gateway, lambda client: client.search("x"), timeout_seconds=0.3)
    assert error.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "did not answer in time" in error.message


def test_an_absent_gateway_is_named() -> None:
    with FrontdeskClient("127.0.0.1:1", "key") as client, pytest.raises(FrontdeskApiError) as refused:
        client.take_turn(text="hello")
    assert refused.value.code is grpc.StatusCode.UNAVAILABLE
    assert "127.0.0.1:1" in str(refused.value)


def test_a_stream_without_its_end_is_no_turn() -> None:
    with pytest.raises(ValueError, match="turn_completed"):
        collect_turn([conversation_pb2.HandleTurnResponse()])


def test_it_needs_grpc_and_protobuf_alone() -> None:
    folder = Path(__file__).parents[3] / "gateway" / "client"
    imported = set()
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module))
    ours = {name for name in imported if name.startswith("gateway.client")}
    others = {name.partition(".")[0] for name in imported - ours} - set(sys.stdlib_module_names)
    assert others == {"frontdesk", "google", "grpc"}


async def test_a_gateway_that_starts_late_is_found_soon(tmp_path: Path, peers: FakeServices) -> None:
    async with serving([]) as free:
        port = free.server.port
    with FrontdeskClient(f"127.0.0.1:{port}", "fd_demo", timeout_seconds=5) as client:
        for _ in range(30):  # gRPC's default would wait longer with each failure
            with pytest.raises(FrontdeskApiError):
                await asyncio.to_thread(client.health)
            await asyncio.sleep(0.1)
        async with serving_gateway(tmp_path, peers.registrations(), gateway_port=port):
            await asyncio.sleep(2.5)
            assert await asyncio.to_thread(client.health) == "SERVING"
