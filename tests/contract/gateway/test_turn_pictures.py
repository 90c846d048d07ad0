"""Turns with pictures: what the services are given, what comes back, and what goes wrong."""

from pathlib import Path

import grpc
import pytest
from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.text.v1 import text_pb2
from frontdesk.vision.v1 import vision_pb2

from services.serving.errors import InvalidArgument, ResourceExhausted, Unavailable
from tests.contract.conformance import Answer
from tests.contract.gateway.turns import (
    conversation,
    events,
    kinds,
    picture,
    request,
    spoken,
    take,
    until,
    without_time,
)
from tests.fakes.services import ANSWER_PICTURE, PNG, FakeServices
from tests.harness.gateway import ServedGateway, serving_gateway


def seen(answer: Answer) -> dict[int, conversation_pb2.ImageSeen]:
    """What was seen, by the picture's place."""
    return {e.image_seen.image_index: e.image_seen for e in events(answer) if e.HasField("image_seen")}


def notices(answer: Answer) -> list[conversation_pb2.Notice]:
    return [event.notice for event in events(answer) if event.HasField("notice")]


def words(*tokens: str) -> text_pb2.TextEmbedding:
    """An embedded text of the scripted service."""
    return text_pb2.TextEmbedding(
        sentence=[1.0, 0.0],
        token_count=3,
        tokens=[text_pb2.TokenEmbedding(token=token, vector=[0.5, 0.5]) for token in tokens],
    )


async def test_what_is_seen_is_told_and_reaches_dialogue_with_the_rest(
    gateway: ServedGateway, peers: FakeServices
) -> None:
    answer = await take(gateway, spoken(text="Order 17", images=[picture("Error 42"), picture("")]))
    found = kinds(answer)
    assert found[0] == "turn_started"
    assert sorted(found[1:4]) == ["image_seen", "image_seen", "transcript"]
    assert found[4] == "understood"
    assert not notices(answer)

    assert {(one.domain, *one.features) for one in peers.annotating} == {
        (
            "shop",
            vision_pb2.IMAGE_FEATURE_EMBEDDING,
            vision_pb2.IMAGE_FEATURE_TEXT,
            vision_pb2.IMAGE_FEATURE_LABELS,
        )
    }
    assert peers.recognizing[0].config.include_acoustic_features
    assert list(peers.embedding[0].texts) == ["where is my order\nOrder 17", "Error 42"]
    assert peers.embedding[0].include_tokens

    [line] = seen(answer)[0].lines
    assert (line.text, line.confidence, line.box.width) == ("Error 42", 0.75, 0.5)
    assert not seen(answer)[1].lines
    for field, label in (("products", "brook-r2"), ("kinds", "device_panel"), ("labels", "modem")):
        assert [one.label for one in getattr(seen(answer)[0], field)] == [label]

    [responded] = peers.responding
    given = responded.input
    assert given.text_embedding == words("where", "is", "my", "order", "Order", "17")
    assert list(given.image_text_embeddings) == [words("Error", "42"), text_pb2.TextEmbedding()]
    assert given.embedding_model == "encoder@1"
    assert [list(image.pooled) for image in given.images] == [[1.0, 2.0]] * 2
    assert [(image.region_rows, image.region_columns, list(image.regions)) for image in given.images] == [
        (1, 1, [1.0, 2.0])
    ] * 2
    assert given.images[0].lines[0] == line
    assert {image.embedding_model for image in given.images} == {"encoder@1"}
    assert list(given.acoustic_features.frames) == [0.5, 0.25]
    assert (given.acoustic_features.width, given.acoustic_features.model) == (2, "acoustic@1")
    assert given.acoustic_features.frame_period.ToMilliseconds() == 100


async def test_the_answer_says_what_the_pictures_mean_and_brings_one_of_its_own(
    gateway: ServedGateway,
) -> None:
    answer = await take(gateway, request(images=[picture("Error 42")]))
    [understood] = [event.understood for event in events(answer) if event.HasField("understood")]
    assert understood.model == "fusion_shop@1"
    assert [score.label for score in (*understood.products, *understood.kinds)] == [
        "brook-r2",
        "device_panel",
    ]
    assert list(understood.seen) == [
        dialogue_pb2.SeenImage(image_index=0, picture_id="router-red", probability=0.75)
    ]
    assert list(understood.passages) == [
        dialogue_pb2.PassageScore(passage_id="orders.track", probability=0.5)
    ]
    found = kinds(answer)
    assert found.index("answer_picture") == found.index("citation") + 1
    assert events(answer)[found.index("answer_picture")].answer_picture == ANSWER_PICTURE
    timings = {timing.stage for timing in events(answer)[-1].turn_completed.timings}
    assert conversation_pb2.STAGE_VISION in timings


async def test_a_picture_alone_names_the_space_of_its_words(
    gateway: ServedGateway, peers: FakeServices
) -> None:
    await take(gateway, request(images=[picture("Error 42")]))
    given = peers.responding[0].input
    assert not given.HasField("text_embedding")
    assert given.embedding_model == "encoder@1"


async def test_a_repeated_turn_is_replayed_with_all_its_pictures(tmp_path: Path, peers: FakeServices) -> None:
    message = spoken(images=[picture("Error 42"), picture("Error 43")])
    async with serving_gateway(tmp_path, peers.registrations()) as gateway:
        first = await take(gateway, message)
    down = Unavailable("DOWN", "down")
    peers.failing = {name: down for name in ("Recognize", "AnnotateImage", "EmbedTexts", "Respond")}
    async with serving_gateway(tmp_path, peers.registrations()) as gateway:
        second = await take(gateway, message)
        assert without_time(second) == without_time(first)
        assert {"image_seen", "answer_picture"} <= set(kinds(second))
        assert events(second)[-1].turn_completed.replayed
        [stored] = (await conversation(gateway)).turns
    assert stored.answer == events(first)[-1].turn_completed.answer
    assert [medium.size_bytes for medium in stored.media[1:3]] == [len(PNG) + 8] * 2


@pytest.mark.parametrize("how", ["fails", "hangs", "is busy", "knows no such domain"])
async def test_a_turn_goes_on_without_vision(tmp_path: Path, peers: FakeServices, how: str) -> None:
    match how:
        case "fails":
            peers.failing["AnnotateImage"] = Unavailable("MODEL_UNAVAILABLE", "the model restarts")
        case "knows no such domain":
            peers.failing["AnnotateImage"] = InvalidArgument("DOMAIN_INVALID", "no", field="domain")
        case "is busy":
            peers.failing["AnnotateImage"] = ResourceExhausted("BUSY", "busy", retry_after_seconds=0.5)
        case _:
            peers.hanging.add("AnnotateImage")
    async with serving_gateway(tmp_path, peers.registrations(), vision_limit_seconds=0.5) as gateway:
        answer = await take(gateway, request(text="why?", images=[picture("1"), picture("2"), picture("3")]))
        [notice] = notices(answer)
        assert (notice.stage, notice.reason) == (conversation_pb2.STAGE_VISION, "VISION_UNAVAILABLE")
        assert notice.message.startswith(
            "3 of 3 pictures could not be looked at (images[0], images[1], images[2]): "
        )
        assert not seen(answer)
        assert list(peers.responding[0].input.images) == [vision_pb2.ImageFeatures()] * 3
        assert "answer_picture" not in kinds(answer)
        assert kinds(answer)[-1] == "turn_completed"
        if how == "hangs":
            await until(lambda: "AnnotateImage" in peers.cancelled)


async def test_a_turn_goes_on_where_vision_cannot_be_reached(tmp_path: Path, peers: FakeServices) -> None:
    async with serving_gateway(tmp_path, peers.registrations(), targets={"vision": "127.0.0.1:1"}) as gateway:
        answer = await take(gateway, request(images=[picture("Error 42")]))
    assert kinds(answer)[-1] == "turn_completed"
    assert "vision cannot answer now" in notices(answer)[0].message


@pytest.mark.parametrize(
    ("content", "code", "reason"),
    [
        (PNG + b"bomb", grpc.StatusCode.RESOURCE_EXHAUSTED, "IMAGE_TOO_LARGE"),
        (b"\xff\xd8\xff cut", grpc.StatusCode.INVALID_ARGUMENT, "IMAGE_UNDECODABLE"),
        (b"GIF89a", grpc.StatusCode.INVALID_ARGUMENT, "IMAGE_UNSUPPORTED"),
        (b"", grpc.StatusCode.INVALID_ARGUMENT, "IMAGE_UNSUPPORTED"),
    ],
)
async def test_a_picture_that_cannot_be_used_is_told_by_its_place(
    gateway: ServedGateway, peers: FakeServices, content: bytes, code: grpc.StatusCode, reason: str
) -> None:
    images = [picture("Error 42"), conversation_pb2.ImageInput(content=content)]
    refused = await take(gateway, spoken(images=images))
    assert (refused.code, refused.reason) == (code, reason)
    assert refused.error is not None
    assert "images[1].content" in str(refused.error.trailing_metadata())
    assert not peers.responding
    assert kinds(await take(gateway, spoken(turn_id="t2", images=images[:1])))[-1] == "turn_completed"


async def test_twenty_pictures_are_refused_before_any_is_looked_at(
    gateway: ServedGateway, peers: FakeServices
) -> None:
    refused = await take(gateway, request(images=[picture("Error 42")] * 20))
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_IMAGES")
    assert refused.seconds < 1.0
    assert not peers.annotating
