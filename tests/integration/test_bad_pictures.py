"""Bad pictures against the whole suite: a clear status at once, little memory, and the next one works."""

import io
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gateway.client import FrontdeskApiError, FrontdeskClient
from services.local.suite import LocalSuite

pytestmark = pytest.mark.integration

REFUSED = {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}
MOST_GROWTH_BYTES = 256 * 2**20


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8))


def png_of(width: int, height: int, data: bytes = b"\0" * 64) -> bytes:
    """A PNG whose header promises more than its few bytes hold."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def moving(kind: str) -> bytes:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue")]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


JPEG = encoded(noise(160, 120), "JPEG", quality=90)

PICTURES = {
    "no bytes": b"",
    "text": b"this is a picture, says the name of the file",
    "header alone": JPEG[:20],
    "50 megapixels": encoded(Image.new("L", (7100, 7100)), "PNG"),
    "bomb": png_of(60_000, 60_000),
    "sides of zero": png_of(0, 0),
    "more than its bytes": png_of(640, 480),
    "one pixel": encoded(Image.new("RGB", (1, 1)), "PNG"),
    "animated PNG": moving("PNG"),
    "animated WebP": moving("WEBP"),
    "GIF": moving("GIF"),
    "CMYK": encoded(Image.new("CMYK", (200, 200)), "JPEG"),
    **{f"JPEG cut at {size}": JPEG[:size] for size in range(1024, len(JPEG), 1024)},
}


@pytest.fixture(scope="module")
def good() -> bytes:
    return encoded(noise(640, 480), "JPEG", quality=80)


@pytest.fixture(scope="module")
def processes(suite: LocalSuite) -> list[int]:
    return [state.pid for state in suite.supervisor.states() if state.name in ("gateway", "vision")]


def peaks(processes: list[int]) -> Iterator[int]:
    """The most memory that each process ever had, bytes."""
    for pid in processes:
        status = Path(f"/proc/{pid}/status").read_text()
        yield 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def refusal(client: FrontdeskClient, images: list[bytes]) -> FrontdeskApiError:
    started = time.monotonic()
    with pytest.raises(FrontdeskApiError) as refused:
        client.take_turn(text="What is this?", images=images)
    assert time.monotonic() - started < 1
    return refused.value


def test_bad_pictures_are_refused_at_once_and_cost_little(
    client: FrontdeskClient, good: bytes, processes: list[int]
) -> None:
    client.take_turn(text="What is this?", images=[good])
    before = list(peaks(processes))
    for name, picture in PICTURES.items():
        error = refusal(client, [good, picture] if len(name) % 2 else [picture])
        assert error.code.name in REFUSED, (name, str(error))
        assert error.reason, name
        assert any("images" in violation.field for violation in error.violations), (name, str(error))
        assert client.take_turn(text="How long does standard delivery take?").decision == "ANSWER"
    after = list(peaks(processes))
    growth = [b - a for a, b in zip(before, after, strict=True)]
    assert max(growth) <= MOST_GROWTH_BYTES, growth
    assert not client.take_turn(text="What is this?", images=[good]).notices


def test_too_many_pictures_are_refused(client: FrontdeskClient, good: bytes) -> None:
    error = refusal(client, [good] * 20)
    assert error.code.name in REFUSED
    assert error.reason
    assert not client.take_turn(text="What is this?", images=[good]).notices
