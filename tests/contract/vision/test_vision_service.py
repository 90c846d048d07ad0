"""VisionService on a real socket, with models of its own making."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio
from frontdesk.vision.v1 import vision_pb2, vision_pb2_grpc
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from services.inference.port import Tensors
from services.serving.errors import Unavailable
from services.serving.server import Registration
from services.vision.annotator import ImageAnnotator
from services.vision.decoding import PictureLimits
from services.vision.labels import ModelLabels
from services.vision.model import EMBEDDING_MODEL, OCR, VISION_ENCODER, picture_spec
from services.vision.servicer import VisionServicer
from tests.contract.conformance import Check, Peer, conformance
from tests.fakes.inference import FakeInference
from tests.fakes.pictures import BAD, TOO_MUCH, drawn, encoded, turned
from tests.harness.grpc_server import Served, serving

SERVICE = vision_pb2.DESCRIPTOR.services_by_name["VisionService"]
PICTURE = encoded(drawn(), "PNG")
EMBEDDING = vision_pb2.IMAGE_FEATURE_EMBEDDING
TEXT = vision_pb2.IMAGE_FEATURE_TEXT
LABELS = vision_pb2.IMAGE_FEATURE_LABELS
GOOD = {
    "EmbedImage": vision_pb2.EmbedImageRequest(image=PICTURE),
    "ReadText": vision_pb2.ReadTextRequest(image=PICTURE),
    "ClassifyImage": vision_pb2.ClassifyImageRequest(image=PICTURE),
    "AnnotateImage": vision_pb2.AnnotateImageRequest(image=PICTURE, features=[EMBEDDING, TEXT, LABELS]),
}
PRODUCTS = ["brook-r2", "brook-r6", "other"]
KINDS = ["device_panel", "other"]


def encode(inputs: Tensors) -> Tensors:
    """Vectors that begin with the mean of red; the label with the index of the mean of blue."""
    pixels = inputs["pixels"].astype(np.float32)
    regions = pixels.reshape(-1, 7, 32, 7, 32, 3).mean((2, 4)).reshape(len(pixels), 49, 3)
    wide = np.zeros((len(pixels), 49, 1280), np.float32)
    wide[:, :, :3] = regions
    logits = np.zeros((len(pixels), 1000), np.float32)
    logits[:, 954] = 8
    logits[:, 21] = 7
    return {"pooled": wide.mean(1), "regions": wide, "logits": logits}


def read(inputs: Tensors) -> Tensors:
    """Two lines: the picture's size, in its upper half."""
    height, width, _ = inputs["pixels"].shape
    lines = [f"{width} 宽".encode(), f"{height} high".encode()]
    boxes = [[0, 0, width / 2, height / 4], [width / 2, height / 4, width / 2, height / 4]]
    return {
        "lines": np.array(lines, np.object_),
        "boxes": np.array(boxes, np.float32),
        "scores": np.array([0.9, 0.5], np.float32),
    }


def classify(inputs: Tensors) -> Tensors:
    rows = len(inputs["pooled"])
    return {
        "products": np.tile(np.array([0.2, 0.7, 0.1], np.float32), (rows, 1)),
        "kinds": np.tile(np.array([0.4, 0.6], np.float32), (rows, 1)),
    }


def manifest(**entries: Any) -> dict[str, str]:
    return {"manifest": json.dumps({"version": 1, "embedding_model": EMBEDDING_MODEL, **entries})}


PARAMETERS = {
    VISION_ENCODER.name: manifest(labels=[f"label {index}" for index in range(1000)]),
    "picture_shop": manifest(labels={"products": PRODUCTS, "kinds": KINDS}),
    "picture_old": {
        "manifest": json.dumps(
            {"version": 1, "embedding_model": "other@1", "labels": {"products": PRODUCTS, "kinds": KINDS}}
        )
    },
    "picture_changed": manifest(labels={"products": PRODUCTS[1:], "kinds": KINDS}),
}


class Fake(FakeInference):
    """Says of a model that is not there what Triton says."""

    async def parameters(self, spec: Any) -> Any:
        found = await super().parameters(spec)
        if not found:
            raise Unavailable("INFERENCE_UNAVAILABLE", f"model {spec.name} is not being served now")
        return found


@pytest.fixture
def inference() -> Fake:
    models = {name: classify for name in PARAMETERS if name.startswith("picture_")}
    return Fake({**models, VISION_ENCODER.name: encode, OCR.name: read}, PARAMETERS)


def registration(inference: FakeInference) -> Registration:
    annotator = ImageAnnotator(inference, ModelLabels(inference), PictureLimits())
    return Registration(
        SERVICE.full_name, vision_pb2_grpc.add_VisionServiceServicer_to_server, VisionServicer(annotator)
    )


@pytest_asyncio.fixture
async def served(inference: Fake) -> AsyncIterator[Served]:
    async with serving([registration(inference)]) as running:
        yield running


@pytest.fixture
def stub(served: Served) -> Any:
    return vision_pb2_grpc.VisionServiceStub(served.channel)


async def embed(stub: Any, image: bytes, **fields: Any) -> vision_pb2.EmbedImageResponse:
    response: vision_pb2.EmbedImageResponse = await stub.EmbedImage(
        vision_pb2.EmbedImageRequest(image=image, **fields), timeout=5
    )
    return response


def told(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str, list[str]]:
    """Code, reason and fields of an error."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        for message in (info, bad):
            if detail.Is(message.DESCRIPTOR):
                detail.Unpack(message)
    return error.code(), info.reason, [violation.field for violation in bad.field_violations]


@conformance(SERVICE)
async def test_conforms(method: MethodDescriptor, check: Check, served: Served) -> None:
    await check(Peer.of(served), method, [GOOD[method.name]])


async def test_a_picture_is_embedded_and_the_space_is_named(stub: Any) -> None:
    response = await embed(stub, PICTURE)

    assert len(response.pooled) == 1280
    assert (len(response.regions), response.region_rows, response.region_columns) == (0, 0, 0)
    assert response.embedding_model == "tf_efficientnet_lite0@1"


async def test_regions_come_row_by_row_when_asked_for(stub: Any) -> None:
    response = await embed(stub, PICTURE, include_regions=True)

    assert (response.region_rows, response.region_columns) == (7, 7)
    regions = np.array(response.regions).reshape(7, 7, 1280)
    # Upper left is red, lower right is blue.
    assert regions[0, 0, :3] == pytest.approx([200, 20, 20], abs=2)
    assert regions[6, 6, :3] == pytest.approx([20, 20, 200], abs=2)


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_picture_is_seen_upright(stub: Any, orientation: int) -> None:
    expected = await embed(stub, PICTURE, include_regions=True)

    response = await embed(stub, turned(drawn(), orientation, "PNG"), include_regions=True)

    np.testing.assert_allclose(response.regions, expected.regions, atol=1e-4)


async def test_lines_have_boxes_in_fractions(stub: Any) -> None:
    response = await stub.ReadText(GOOD["ReadText"], timeout=5)

    assert response.text == "160 宽\n120 high"
    assert [line.text for line in response.lines] == ["160 宽", "120 high"]
    box = response.lines[1].box
    assert (box.left, box.top, box.width, box.height) == (0.5, 0.25, 0.5, 0.25)
    assert response.lines[0].confidence == pytest.approx(0.9)
    assert response.model == "ocr@1"


async def test_no_words_are_no_error(served: Served, inference: Fake, stub: Any) -> None:
    def nothing(_: Tensors) -> Tensors:
        return {
            "lines": np.empty(0, np.object_),
            "boxes": np.empty((0, 4), np.float32),
            "scores": np.empty(0, np.float32),
        }

    inference._models = {**inference._models, OCR.name: nothing}

    assert not (await stub.ReadText(GOOD["ReadText"], timeout=5)).text


async def test_labels_are_imagenets_without_a_domain(stub: Any) -> None:
    response = await stub.ClassifyImage(
        vision_pb2.ClassifyImageRequest(image=PICTURE, max_labels=2), timeout=5
    )

    assert [label.label for label in response.labels] == ["label 954", "label 21"]
    assert response.labels[0].score == pytest.approx(0.587, abs=1e-3)
    assert not response.products
    assert response.model == "vision_encoder@1"


async def test_a_domains_labels_replace_imagenets(stub: Any) -> None:
    response = await stub.ClassifyImage(
        vision_pb2.ClassifyImageRequest(image=PICTURE, domain="shop"), timeout=5
    )

    assert [label.label for label in response.products] == ["brook-r6", "brook-r2", "other"]
    assert [label.label for label in response.kinds] == ["other", "device_panel"]
    assert not response.labels
    assert response.model == "picture_shop@1"


async def test_everything_at_once_decodes_once_and_asks_each_model_once(stub: Any, inference: Fake) -> None:
    request = vision_pb2.AnnotateImageRequest(
        image=PICTURE, features=[TEXT, LABELS, EMBEDDING], domain="shop"
    )

    features = (await stub.AnnotateImage(request, timeout=5)).features

    assert (len(features.pooled), len(features.regions)) == (1280, 49 * 1280)
    assert (features.region_rows, features.region_columns) == (7, 7)
    assert features.embedding_model == EMBEDDING_MODEL
    assert [line.text for line in features.lines] == ["160 宽", "120 high"]
    assert len(features.labels) == 5
    assert features.products[0].label == "brook-r6"
    assert features.kinds[0].label == "other"
    assert sorted(name for name, _ in inference.calls) == ["ocr", "picture_shop", "vision_encoder"]


@pytest.mark.parametrize(
    ("feature", "filled"), [(EMBEDDING, {"pooled"}), (TEXT, {"lines"}), (LABELS, {"labels"})]
)
async def test_only_what_is_wanted_comes(stub: Any, feature: int, filled: set[str]) -> None:
    request = vision_pb2.AnnotateImageRequest(image=PICTURE, features=[feature])  # type: ignore[list-item]

    features = (await stub.AnnotateImage(request, timeout=5)).features

    found = {name for name in ("pooled", "lines", "labels", "products", "kinds") if getattr(features, name)}
    assert found == filled
    assert bool(features.embedding_model) == (feature == EMBEDDING)


async def test_a_domain_without_a_picture_model(stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ClassifyImage(vision_pb2.ClassifyImageRequest(image=PICTURE, domain="bakery"), timeout=5)
    assert told(caught.value) == (grpc.StatusCode.NOT_FOUND, "DOMAIN_HAS_NO_PICTURE_MODEL", ["domain"])

    request = vision_pb2.AnnotateImageRequest(image=PICTURE, features=[LABELS], domain="bakery")
    features = (await stub.AnnotateImage(request, timeout=5)).features
    assert features.labels
    assert not features.products


@pytest.mark.parametrize(
    ("domain", "code", "reason"),
    [
        ("old", grpc.StatusCode.FAILED_PRECONDITION, "VISION_MODEL_INCOMPATIBLE"),
        ("changed", grpc.StatusCode.UNAVAILABLE, "PICTURE_MODEL_CHANGED"),
        ("../etc", grpc.StatusCode.INVALID_ARGUMENT, "DOMAIN_INVALID"),
        ("x" * 65, grpc.StatusCode.INVALID_ARGUMENT, "DOMAIN_INVALID"),
    ],
)
async def test_domains_that_do_not_fit(stub: Any, domain: str, code: grpc.StatusCode, reason: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ClassifyImage(vision_pb2.ClassifyImageRequest(image=PICTURE, domain=domain), timeout=5)

    assert told(caught.value)[:2] == (code, reason)


@pytest.mark.parametrize(
    ("request_", "reason", "fields"),
    [
        (vision_pb2.AnnotateImageRequest(image=PICTURE), "FEATURES_EMPTY", ["features"]),
        (
            vision_pb2.AnnotateImageRequest(image=PICTURE, features=[TEXT, 0, 99]),  # type: ignore[list-item]
            "FEATURE_UNKNOWN",
            ["features[1]", "features[2]"],
        ),
        (
            vision_pb2.ClassifyImageRequest(image=PICTURE, max_labels=51),
            "MAX_LABELS_INVALID",
            ["max_labels"],
        ),
        (
            vision_pb2.ClassifyImageRequest(image=PICTURE, max_labels=-1),
            "MAX_LABELS_INVALID",
            ["max_labels"],
        ),
    ],
)
async def test_bad_fields_are_named(stub: Any, request_: Any, reason: str, fields: list[str]) -> None:
    method = getattr(stub, type(request_).__name__.removesuffix("Request"))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await method(request_, timeout=5)

    assert told(caught.value) == (grpc.StatusCode.INVALID_ARGUMENT, reason, fields)


@pytest.mark.parametrize("name", [*BAD, *TOO_MUCH])
async def test_bad_pictures_are_told_within_a_second_and_the_next_is_seen(stub: Any, name: str) -> None:
    reason, make = {**BAD, **TOO_MUCH}[name]
    content = make()
    requests: dict[Any, Any] = {
        stub.EmbedImage: vision_pb2.EmbedImageRequest(image=content),
        stub.ReadText: vision_pb2.ReadTextRequest(image=content),
        stub.ClassifyImage: vision_pb2.ClassifyImageRequest(image=content),
        stub.AnnotateImage: vision_pb2.AnnotateImageRequest(image=content, features=[TEXT]),
    }
    code = grpc.StatusCode.INVALID_ARGUMENT if name in BAD else grpc.StatusCode.RESOURCE_EXHAUSTED
    for method, request in requests.items():
        began = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await method(request, timeout=5)
        assert time.monotonic() - began < 1
        assert told(caught.value) == (code, reason, ["image"])

    assert (await embed(stub, PICTURE)).pooled


async def test_many_pictures_at_once_each_get_their_own_answer(stub: Any) -> None:
    sizes = [(100 + 10 * index, 80) for index in range(20)]
    requests = [
        vision_pb2.AnnotateImageRequest(image=encoded(drawn(*size)), features=[TEXT]) for size in sizes
    ]

    responses = await asyncio.gather(*(stub.AnnotateImage(request, timeout=10) for request in requests))

    assert [response.features.lines[0].text for response in responses] == [
        f"{width} 宽" for width, _ in sizes
    ]


async def test_models_that_are_away_are_unavailable_and_come_back(stub: Any, inference: Fake) -> None:
    inference.fail_with = Unavailable("INFERENCE_UNAVAILABLE", "model ocr is not being served now")
    for name, request in GOOD.items():
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await getattr(stub, name)(request, timeout=5)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE

    inference.fail_with = None
    assert (await embed(stub, PICTURE)).pooled


async def test_the_picture_model_is_asked_for_by_its_domain(stub: Any, inference: Fake) -> None:
    await stub.ClassifyImage(vision_pb2.ClassifyImageRequest(image=PICTURE, domain="shop"), timeout=5)

    assert inference.calls[-1][0] == picture_spec("shop").name
