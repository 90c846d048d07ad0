"""What is refused before it is decoded, and what a good picture becomes."""

import contextlib
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from services.serving.errors import InvalidArgument, ResourceExhausted
from services.vision.decoding import PictureLimits, decode
from tests.fakes.pictures import BAD, TOO_MUCH, detailed, drawn, encoded, turned


def close(picture: Image.Image, expected: Image.Image) -> bool:
    """Whether two pictures show the same, but for what JPEG loses."""
    if picture.size != expected.size or picture.mode != "RGB":
        return False
    one, other = (np.asarray(each.convert("RGB"), np.int32) for each in (picture, expected))
    return bool(np.abs(one - other).mean() < 3)


@pytest.mark.parametrize("name", BAD)
def test_bad_pictures_are_told_by_reason_and_field(name: str) -> None:
    reason, make = BAD[name]
    content = make()
    began = time.monotonic()

    with pytest.raises(InvalidArgument) as caught:
        decode(content)

    assert time.monotonic() - began < 1
    assert caught.value.reason == reason
    assert [violation.field for violation in caught.value.violations] == ["image"]


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_is_too_much_is_refused_by_its_header(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reason, make = TOO_MUCH[name]
    content = make()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", never)
    with pytest.raises(ResourceExhausted) as caught:
        decode(content)

    assert caught.value.reason == reason
    assert [violation.field for violation in caught.value.violations] == ["image"]


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0, "quality": 95}])
def test_a_jpeg_cut_at_every_kilobyte_is_refused(options: dict[str, Any]) -> None:
    whole = encoded(detailed(320, 240), **options)
    assert decode(whole).size == (320, 240)

    for length in range(1024, len(whole), 1024):
        with pytest.raises(InvalidArgument) as caught:
            decode(whole[:length])
        assert caught.value.reason in ("IMAGE_BROKEN", "IMAGE_UNKNOWN_FORMAT"), length


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_other_formats_cut_anywhere_are_refused(format: str) -> None:
    whole = encoded(detailed(320, 240), format)

    for length in range(0, len(whole) - 100, len(whole) // 50):
        with pytest.raises(InvalidArgument):
            decode(whole[:length])


@pytest.mark.filterwarnings("ignore")
def test_random_damage_is_survived() -> None:
    random = np.random.default_rng(5)
    whole = [encoded(detailed(64, 48), format) for format in ("JPEG", "PNG", "WEBP")]
    for content in whole:
        for _ in range(150):
            damaged = bytearray(content)
            for position in random.integers(0, len(damaged), 8):
                damaged[position] = random.integers(0, 256)
            with contextlib.suppress(InvalidArgument, ResourceExhausted):  # and nothing else
                decode(bytes(damaged))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(orientation: int, format: str) -> None:
    assert close(decode(turned(drawn(), orientation, format)), drawn())


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's, as a service prints it
def test_broken_exif_says_nothing() -> None:
    content = encoded(drawn(), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")

    assert close(decode(content), drawn())


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P", "LA", "RGBA"])
def test_every_usual_mode_becomes_rgb(mode: str) -> None:
    expected = drawn(mode=mode).convert("RGB")

    assert close(decode(encoded(drawn(mode=mode), "PNG")), expected)


def test_16_bits_become_8() -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)

    gray = np.asarray(decode(encoded(Image.fromarray(ramp), "PNG")))[:, :, 0]

    np.testing.assert_array_equal(gray, ramp >> 8)


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_what_is_transparent_becomes_white(format: str) -> None:
    picture = drawn(mode="RGBA")
    picture.paste((0, 0, 0, 0), (100, 0, 160, 60))

    pixels = np.asarray(decode(encoded(picture, format, lossless=True)))

    assert pixels[30, 130].tolist() == [255, 255, 255]
    assert pixels[30, 40, 0] > 150


@pytest.mark.parametrize(
    ("format", "mode", "size"),
    [
        ("JPEG", "RGB", (4000, 3000)),
        ("JPEG", "L", (4000, 3000)),
        ("PNG", "RGB", (4000, 3000)),
        ("PNG", "RGBA", (6001, 4003)),
        ("PNG", "P", (6001, 4003)),
        ("WEBP", "RGB", (4000, 3000)),
    ],
)
def test_large_pictures_are_scaled_down_whole(format: str, mode: str, size: tuple[int, int]) -> None:
    width, height = size

    picture = decode(encoded(drawn(width, height, mode), format))

    assert picture.width * picture.height <= 700_000
    assert picture.width / picture.height == pytest.approx(width / height, rel=0.01)
    whole = drawn(width, height, mode).convert("RGB")
    assert close(picture, whole.resize(picture.size, Image.Resampling.BOX))


def test_a_strip_of_a_picture_stays_one() -> None:
    assert decode(encoded(drawn(20_000, 16), "PNG")).size == (2048, 1)


def test_content_decides_not_what_a_file_is_called() -> None:
    assert decode(encoded(drawn(), "WEBP")).size == decode(encoded(drawn(), "JPEG")).size


def test_a_phones_picture_with_another_behind_it_is_its_first() -> None:
    content = encoded(drawn(), "MPO", save_all=True, append_images=[detailed(160, 120)])

    assert close(decode(content), drawn())


def test_limits_are_settings() -> None:
    limits = PictureLimits(most_bytes=1000, most_pixels=10_000, least_side=90)

    with pytest.raises(ResourceExhausted, match="bytes"):
        decode(encoded(detailed(100, 100)), limits)
    with pytest.raises(ResourceExhausted, match="pixels"):
        decode(encoded(Image.new("L", (101, 100)), "PNG"), limits)
    with pytest.raises(InvalidArgument, match="at least 90"):
        decode(encoded(Image.new("L", (100, 89)), "PNG"), limits)
