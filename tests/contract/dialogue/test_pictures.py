"""Turns with pictures through DialogueService on real sockets, its models replaced by fakes."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import numpy as np
import pytest
import pytest_asyncio
from frontdesk.asr.v1 import asr_pb2
from frontdesk.dialogue.v1 import dialogue_pb2, dialogue_pb2_grpc
from frontdesk.text.v1 import text_pb2
from frontdesk.vision.v1 import vision_pb2

from services.serving.status import decode
from tests.contract.conformance import Peer, check_generated_requests
from tests.contract.dialogue.test_dialogue import DIALOGUE, registrations
from tests.fakes.dialogue import DialogueParts, embedded
from tests.fakes.fusion import ACOUSTIC_MODEL, PNG, pictured_files, shown
from tests.harness.grpc_server import Served, serving


@pytest_asyncio.fixture
async def parts(tmp_path: Path) -> AsyncIterator[DialogueParts]:
    made = DialogueParts(tmp_path, files=pictured_files())
    await made.publish()
    yield made
    made.store.close()


@pytest_asyncio.fixture
async def served(parts: DialogueParts) -> AsyncIterator[Served]:
    async with serving(registrations(parts)) as running:
        yield running


def text_embedding(text: str) -> text_pb2.TextEmbedding:
    tokens = [text_pb2.TokenEmbedding(token=word, vector=embedded(word)) for word in text.split()]
    return text_pb2.TextEmbedding(sentence=embedded(text), tokens=tokens)


def image(parts: DialogueParts, picture_id: str, words: str = "") -> vision_pb2.ImageFeatures:
    features = shown(parts.domain, picture_id)
    assert features.pooled is not None
    assert features.regions is not None
    return vision_pb2.ImageFeatures(
        pooled=features.pooled,
        regions=features.regions.ravel(),
        region_rows=7,
        region_columns=7,
        embedding_model=features.embedding_model,
        lines=[vision_pb2.TextLine(text=line) for line in words.splitlines()],
    )


def customer(parts: DialogueParts) -> dialogue_pb2.CustomerInput:
    """Give a turn of everything: words, a picture with words and one without, and sound."""
    return dialogue_pb2.CustomerInput(
        text="what does this mean?",
        text_embedding=text_embedding("what does this mean?"),
        embedding_model="letters@1",
        images=[image(parts, "lamp-red", "Power\n402"), image(parts, "slip-paid")],
        image_text_embeddings=[text_embedding("Power 402"), text_pb2.TextEmbedding()],
        acoustic_features=asr_pb2.AcousticFeatures(frames=[0.5] * 640, width=64, model=ACOUSTIC_MODEL),
    )


async def respond(served: Served, given: dialogue_pb2.CustomerInput) -> list[dialogue_pb2.RespondResponse]:
    stub = dialogue_pb2_grpc.DialogueServiceStub(served.channel)
    request = dialogue_pb2.RespondRequest(input=given)
    return [response async for response in stub.Respond(request, timeout=5)]


async def test_a_turn_of_everything(served: Served, parts: DialogueParts) -> None:
    before = parts.embedder.embedded
    responses = await respond(served, customer(parts))

    assert [response.WhichOneof("event") for response in responses] == [
        "understanding",
        "answer_delta",
        "answer_delta",
        "answer_delta",
        "citation",
        "picture",
        "completed",
    ]
    understanding = responses[0].understanding
    assert understanding.model == "fusion_kiosk@1"
    assert [(item.image_index, item.picture_id) for item in understanding.seen] == [
        (0, "lamp-red"),
        (1, "slip-paid"),
    ]
    assert understanding.kinds[0].label in {"panel", "slip"}
    assert len(understanding.products) == 3
    assert understanding.passages[0].passage_id == responses[4].citation.passage_id == "warranty"
    picture = responses[5].picture
    assert (picture.picture_id, picture.passage_id, picture.media_type) == (
        "lamp-red",
        "warranty",
        "image/png",
    )
    assert picture.content == PNG
    assert picture.caption == "A red light"
    assert responses[6].completed.decision == dialogue_pb2.DECISION_ANSWER
    assert parts.embedder.embedded == before, "all was embedded by the caller"


async def test_understanding_by_a_pinned_version_and_of_one_passage(
    served: Served, parts: DialogueParts
) -> None:
    stub = dialogue_pb2_grpc.DialogueServiceStub(served.channel)
    request = dialogue_pb2.UnderstandRequest(
        input=customer(parts), domain_version=parts.domain.version, passage_id="order-cancel"
    )
    found = (await stub.Understand(request, timeout=5)).understanding
    assert {item.passage_id for item in found.passages} == {"warranty", "order-cancel", "order-address"}
    assert sum(item.probability for item in found.passages) == pytest.approx(1.0)

    request.domain_version = "kiosk@0"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Understand(request, timeout=5)
    assert reason(caught) == (grpc.StatusCode.FAILED_PRECONDITION, "DOMAIN_VERSION_GONE")


async def test_pictures_of_which_nothing_is_known_are_no_input(served: Served, parts: DialogueParts) -> None:
    given = dialogue_pb2.CustomerInput(images=[vision_pb2.ImageFeatures()])
    responses = await respond(served, given)
    assert responses[-1].completed.decision == dialogue_pb2.DECISION_ASK_BACK

    stub = dialogue_pb2_grpc.DialogueServiceStub(served.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Understand(dialogue_pb2.UnderstandRequest(input=given), timeout=5)
    assert reason(caught) == (grpc.StatusCode.INVALID_ARGUMENT, "INPUT_EMPTY")


Break = Callable[[dialogue_pb2.CustomerInput], object]


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (lambda given: given.images.extend([given.images[1]] * 7), "input.images"),
        (lambda given: given.images[1].regions.append(0.0), "input.images[1].regions"),
        (lambda given: given.images[0].ClearField("pooled"), "input.images[0].regions"),
        (lambda given: setattr(given.images[0], "region_rows", -7), "input.images[0].regions"),
        (
            lambda given: given.images[1].MergeFrom(
                vision_pb2.ImageFeatures(region_rows=2**31 - 1, region_columns=2**31 - 1)
            ),
            "input.images[1].regions",
        ),
        (
            lambda given: given.images[0].pooled.__setitem__(3, float("nan")),
            "input.images[0].pooled",
        ),
        (
            lambda given: given.images[0].regions.__setitem__(3, float("inf")),
            "input.images[0].regions",
        ),
        (lambda given: given.images[0].ClearField("embedding_model"), "input.images[0].embedding_model"),
        (lambda given: given.image_text_embeddings.pop(), "input.image_text_embeddings"),
        (
            lambda given: given.image_text_embeddings[1].sentence.extend(embedded("x")),
            "input.image_text_embeddings[1]",
        ),
        (
            lambda given: given.image_text_embeddings[0].sentence.append(1.0),
            "input.image_text_embeddings[0].sentence",
        ),
        (
            lambda given: given.image_text_embeddings[0].tokens[1].vector.pop(),
            "input.image_text_embeddings[0].tokens",
        ),
        (
            lambda given: given.text_embedding.tokens[0].vector.__setitem__(0, float("nan")),
            "input.text_embedding.tokens",
        ),
        (lambda given: given.ClearField("embedding_model"), "input.embedding_model"),
        (lambda given: given.acoustic_features.frames.append(1.0), "input.acoustic_features.frames"),
        (lambda given: setattr(given.acoustic_features, "width", 0), "input.acoustic_features.frames"),
        (lambda given: setattr(given.acoustic_features, "width", 32), "input.acoustic_features.width"),
        (
            lambda given: given.acoustic_features.frames.__setitem__(0, float("nan")),
            "input.acoustic_features.frames",
        ),
        (lambda given: given.acoustic_features.ClearField("model"), "input.acoustic_features.model"),
    ],
)
async def test_bad_features_are_named(
    served: Served, parts: DialogueParts, broken: Break, field: str
) -> None:
    given = customer(parts)
    broken(given)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await respond(served, given)
    told = decode(caught.value)
    assert told is not None
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in told.violations] == [field]
    assert (await respond(served, customer(parts)))[-1].HasField("completed")


async def test_features_of_another_encoder_are_refused(served: Served, parts: DialogueParts) -> None:
    for place in ("images", "acoustic_features"):
        given = customer(parts)
        if place == "images":
            given.images[1].embedding_model = "other@1"
        else:
            given.acoustic_features.model = "other@1"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await respond(served, given)
        assert reason(caught) == (grpc.StatusCode.FAILED_PRECONDITION, "EMBEDDING_MODEL_MISMATCH")


async def test_a_zeroed_picture_shows_nothing(served: Served, parts: DialogueParts) -> None:
    given = customer(parts)
    del given.images[1:], given.image_text_embeddings[:]
    given.images[0].ClearField("lines")
    given.images[0].pooled[:] = np.zeros(1280)
    given.images[0].regions[:] = np.zeros(49 * 1280)
    understanding, *said = await respond(served, given)
    assert understanding.understanding.seen[0].picture_id == ""
    assert not any("I can see" in response.answer_delta for response in said)


@pytest.mark.parametrize("name", ["Respond", "Understand"])
async def test_whatever_is_sent_beside_pictures_is_answered_or_refused(
    served: Served, parts: DialogueParts, name: str
) -> None:
    good = {
        "Respond": dialogue_pb2.RespondRequest(input=customer(parts)),
        "Understand": dialogue_pb2.UnderstandRequest(input=customer(parts)),
    }[name]
    method = DIALOGUE.methods_by_name[name]
    await check_generated_requests(Peer.of(served), method, [good], generated=150)


def reason(caught: pytest.ExceptionInfo[grpc.aio.AioRpcError]) -> tuple[grpc.StatusCode, str]:
    told = decode(caught.value)
    assert told is not None
    return caught.value.code(), told.reason
