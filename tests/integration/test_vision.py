"""Pictures through the vision service and the exported models on a real Triton."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio
from frontdesk.vision.v1 import vision_pb2, vision_pb2_grpc
from PIL import Image

from services.dialogue.domain.loader import load_domain
from services.dialogue.domain.types import Picture
from services.inference.client import TritonClient
from services.serving.errors import InvalidArgument
from services.serving.server import Registration
from services.triton.local_server import LocalTriton
from services.vision.annotator import ImageAnnotator
from services.vision.decoding import PictureLimits, decode
from services.vision.labels import ModelLabels
from services.vision.model import EMBEDDING_MODEL, OCR, VISION_ENCODER, picture_spec
from services.vision.servicer import VisionServicer
from tests.fakes.pictures import encoded, turned
from tests.harness.grpc_server import serving
from tests.harness.suite import BUILD, ROOT
from tests.harness.triton import free_ports
from training.evaluate.pictures import accuracy, compared
from training.export.models.ocr import drawn_page
from training.vision.encoder import ImageEncoder

pytestmark = pytest.mark.integration

REPOSITORY = BUILD / "model_repository"
LINES = ("Order 2026-118773 was shipped", "Error code: NET-4012", "Total: 128.40 EUR")
SECONDS = 60.0  # other work may hold the processors


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    log = tmp_path_factory.mktemp("log") / "triton.log"
    models = [VISION_ENCODER.name, OCR.name, picture_spec("shop").name]
    with LocalTriton(REPOSITORY, **free_ports(), log_file=log, models=models) as running:
        yield running


@pytest_asyncio.fixture
async def stub(triton: LocalTriton) -> AsyncIterator[Any]:
    client = TritonClient(triton.url)
    annotator = ImageAnnotator(client, ModelLabels(client), PictureLimits())
    add = vision_pb2_grpc.add_VisionServiceServicer_to_server
    registration = Registration("frontdesk.vision.v1.VisionService", add, VisionServicer(annotator))
    async with serving([registration]) as served:
        yield vision_pb2_grpc.VisionServiceStub(served.channel)
    await client.close()


@pytest.fixture(scope="module")
def pictures() -> tuple[Picture, ...]:
    return load_domain(ROOT / "domains" / "shop").pictures


def photo(width: int = 4000, height: int = 3000) -> Image.Image:
    """A page on a desk."""
    desk = np.random.default_rng(0).integers(90, 160, (30, 40, 3), dtype=np.uint8)
    whole = Image.fromarray(desk).resize((width, height), Image.Resampling.BICUBIC)
    page = Image.fromarray(drawn_page(LINES)).resize((width * 3 // 4, height // 2))
    whole.paste(page, (width // 8, height // 4))
    return whole


async def read(stub: Any, content: bytes) -> list[str]:
    response = await stub.ReadText(vision_pb2.ReadTextRequest(image=content), timeout=SECONDS)
    return [line.text for line in response.lines]


async def test_a_photographed_page_is_read_in_its_order(stub: Any) -> None:
    response = await stub.ReadText(vision_pb2.ReadTextRequest(image=encoded(photo())), timeout=SECONDS)

    assert tuple(line.text for line in response.lines) == LINES
    assert response.text == "\n".join(LINES)
    for line in response.lines:
        assert line.confidence > 0.8
        # The page fills the picture from 1/8 to 7/8 and from 1/4 to 3/4.
        assert 0.12 < line.box.left < line.box.left + line.box.width < 0.88
        assert 0.25 < line.box.top < line.box.top + line.box.height < 0.75


@pytest.mark.parametrize("orientation", range(2, 9))
async def test_a_picture_held_any_way_gives_the_same_lines(stub: Any, orientation: int) -> None:
    assert tuple(await read(stub, turned(photo(1200, 900), orientation))) == LINES


@pytest.mark.parametrize("name", ["net-12", "net-12-zh", "pay-402-zh", "label-std"])
async def test_pictures_of_the_shop_are_read(stub: Any, pictures: tuple[Picture, ...], name: str) -> None:
    (picture,) = [picture for picture in pictures if picture.id == name]

    reading = compared(picture.id, picture.words, await read(stub, picture.content))

    assert accuracy([reading]) >= 95, (reading.expected, reading.read)


async def test_98_percent_of_the_shops_characters_are_read(stub: Any, pictures: tuple[Picture, ...]) -> None:
    readings = [
        compared(picture.id, picture.words, await read(stub, picture.content))
        for picture in pictures
        if picture.words
    ]

    assert sum(reading.characters for reading in readings) > 1000
    assert accuracy(readings) >= 98


async def test_training_sees_what_serving_sees(stub: Any, pictures: tuple[Picture, ...]) -> None:
    encoder = ImageEncoder(REPOSITORY / VISION_ENCODER.name / "1")
    contents = [
        *(picture.content for picture in pictures[:6]),
        encoded(photo()),  # decoded at a half of its size
        encoded(photo(640, 480), "PNG"),
        turned(photo(800, 600), 6),
    ]

    pooled, regions = encoder.embed([decode(content) for content in contents])

    for row, content in enumerate(contents):
        request = vision_pb2.EmbedImageRequest(image=content, include_regions=True)
        seen = await stub.EmbedImage(request, timeout=SECONDS)
        assert seen.embedding_model == encoder.embedding_model == EMBEDDING_MODEL
        np.testing.assert_allclose(seen.pooled, pooled[row], atol=1e-4)
        np.testing.assert_allclose(np.reshape(seen.regions, (49, 1280)), regions[row], atol=1e-4)


async def test_a_picture_of_training_is_the_file_that_shows_it(stub: Any) -> None:
    """Training has pictures that were never files: a file without loss must give the same vectors."""
    encoder = ImageEncoder(REPOSITORY / VISION_ENCODER.name / "1")
    picture = photo(700, 500)

    pooled, _ = encoder.embed([picture])

    for format in ("PNG", "WEBP"):
        content = encoded(picture, format, lossless=True)
        seen = await stub.EmbedImage(vision_pb2.EmbedImageRequest(image=content), timeout=SECONDS)
        np.testing.assert_allclose(seen.pooled, pooled[0], atol=1e-4)


@pytest.mark.parametrize(
    ("photograph", "label"),
    [
        ("Fruit/Banana/Banana_Iconic.jpg", "banana"),
        ("Fruit/Lemon/Lemon_Iconic.jpg", "lemon"),
        ("Fruit/Pineapple/Pineapple_Iconic.jpg", "pineapple"),
        ("Fruit/Apple/Granny-Smith/Granny-Smith_Iconic.jpg", "Granny Smith"),
    ],
)
async def test_photographs_are_labelled(stub: Any, data_sets: Path, photograph: str, label: str) -> None:
    folder = data_sets / "grocerystore" / "iconic-images-and-descriptions"
    if not folder.is_dir():
        pytest.skip("no GroceryStore (github.com/marcusklasson/GroceryStoreDataset)")
    request = vision_pb2.ClassifyImageRequest(image=(folder / photograph).read_bytes(), max_labels=1)

    response = await stub.ClassifyImage(request, timeout=SECONDS)

    assert [found.label for found in response.labels] == [label]


async def test_pictures_of_the_shop_are_told_apart(stub: Any, pictures: tuple[Picture, ...]) -> None:
    right = []
    for picture in pictures:
        request = vision_pb2.ClassifyImageRequest(image=picture.content, domain="shop", max_labels=1)
        seen = await stub.ClassifyImage(request, timeout=SECONDS)
        assert seen.model == "picture_shop@1"
        right.append(seen.kinds[0].label == picture.kind)
        right.append(seen.products[0].label == (picture.product or "other"))

    assert np.mean(right) > 0.9  # chance is under 0.2


async def test_the_reader_refuses_what_the_service_never_sends(triton: LocalTriton) -> None:
    client = TritonClient(triton.url)
    try:
        for shape in ((3000, 16, 3), (900, 900, 3)):
            with pytest.raises(InvalidArgument, match="pixels"):
                await client.infer(OCR, {"pixels": np.zeros(shape, np.uint8)}, timeout_seconds=SECONDS)
        tiny = await client.infer(OCR, {"pixels": np.zeros((1, 2048, 3), np.uint8)}, timeout_seconds=SECONDS)
        assert not tiny["lines"].size
    finally:
        await client.close()


async def test_bad_pictures_do_not_keep_good_ones_out(stub: Any) -> None:
    whole = encoded(photo(640, 480))
    for length in range(0, len(whole) - 1, 4096):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await read(stub, whole[:length])
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert tuple(await read(stub, whole)) == LINES
