"""Encoded pictures to what is looked at: guarded, upright, RGB, of a bounded size.

Pure: no gRPC, no wire types.
"""

import math
from dataclasses import dataclass
from io import BytesIO
from typing import Final, NoReturn

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from services.serving.errors import InvalidArgument, ResourceExhausted
from services.vision.model import OCR_MOST_PIXELS, OCR_MOST_SIDE

FIELD: Final = "image"

_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_DEEP_MODES: Final = ("I;16", "I;16B", "I;16L", "I;16N", "I")
"""Of grey PNG files with 16 bits."""
_MODES: Final = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", *_DEEP_MODES)
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by EXIF's orientation."""
_RESIZE_FROM: Final = 2
"""Times the wanted size from which on a picture is averaged down first: as good, and much faster."""
_STRIP: Final = 64
"""Rows of a strip once it is reduced."""
_WHITE: Final = (255, 255, 255, 255)


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What a picture may be: ``most_bytes`` encoded, ``most_pixels`` of it, ``least_side`` pixels a side.

    A WebP picture has a limit of its own, since its decoder takes 16 bytes a pixel.
    """

    most_bytes: int = 10 * 1024 * 1024
    most_pixels: int = 40_000_000
    most_webp_pixels: int = 15_000_000
    least_side: int = 16


def decode(content: bytes, limits: PictureLimits | None = None) -> Image.Image:
    """Return the picture upright, RGB, and scaled down to what is read at once (``OCR_MOST_PIXELS``).

    What the bytes are decides, whatever the file was called. JPEG, PNG and WebP; transparent parts become
    white. A large JPEG is decoded at a half, a quarter or an eighth of its size.

    Raises:
        InvalidArgument: empty, no such picture, cut, broken, animated, CMYK or too small.
        ResourceExhausted: more bytes or pixels than the limits; told by the header, before decoding.
    """
    limits = limits or PictureLimits()
    if not content:
        raise InvalidArgument("IMAGE_EMPTY", "image is empty: send the encoded picture", field=FIELD)
    if len(content) > limits.most_bytes:
        raise ResourceExhausted(
            "IMAGE_TOO_LARGE",
            f"image has {len(content)} bytes, more than {limits.most_bytes}: send a smaller one",
            field=FIELD,
            metadata={"max_bytes": str(limits.most_bytes)},
        )
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as picture:
            _check_header(picture, limits)
            return _seen(picture)
    except UnidentifiedImageError:
        raise InvalidArgument(
            "IMAGE_UNKNOWN_FORMAT",
            "image is neither JPEG nor PNG nor WebP, or its start is broken",
            field=FIELD,
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        _refuse_pixels("more", limits.most_pixels)
    except (InvalidArgument, ResourceExhausted):
        raise
    except Exception as error:  # codecs raise anything at all for broken bytes
        raise InvalidArgument(
            "IMAGE_BROKEN", "image cannot be decoded: it is cut or broken; send it whole", field=FIELD
        ) from error


def _check_header(picture: Image.Image, limits: PictureLimits) -> None:
    width, height = picture.size
    most = limits.most_pixels
    if picture.format == "WEBP":
        most = min(most, limits.most_webp_pixels)
    if width * height > most:
        _refuse_pixels(f"{width} x {height}", most)
    if min(width, height) < limits.least_side:
        raise InvalidArgument(
            "IMAGE_TOO_SMALL",
            f"image has {width} x {height} pixels: each side needs at least {limits.least_side}",
            field=FIELD,
        )
    # A phone's JPEG may carry more pictures behind the first (format MPO), which is the photograph.
    if picture.format in ("PNG", "WEBP") and getattr(picture, "n_frames", 1) > 1:
        raise InvalidArgument("IMAGE_ANIMATED", "image is animated: send one still picture", field=FIELD)
    if picture.mode not in _MODES:
        raise InvalidArgument(
            "IMAGE_COLORS_UNSUPPORTED",
            f"image has colours of mode {picture.mode}: save it as RGB or grey",
            field=FIELD,
        )


def _refuse_pixels(size: str, most: int) -> NoReturn:
    raise ResourceExhausted(
        "IMAGE_TOO_MANY_PIXELS",
        f"image has {size} pixels, more than the {most} that its format may have: send a smaller one",
        field=FIELD,
        metadata={"max_pixels": str(most)},
    )


def _seen(picture: Image.Image) -> Image.Image:
    size = _seen_size(*picture.size)
    picture.draft(None, size)  # JPEG decodes at a fraction of its size, which stays above the one asked for
    picture.load()
    width, height = picture.size
    factor = int(min(width / size[0], height / size[1]) / _RESIZE_FROM)
    if factor > 1:
        scaled = _reduced(picture, factor).resize(
            size, Image.Resampling.BICUBIC, box=(0, 0, width / factor, height / factor)
        )
    else:
        scaled = _plain(picture)
        if scaled.size != size:
            scaled = scaled.resize(size, Image.Resampling.BICUBIC)
    return _flat(_upright(picture, scaled))


def _reduced(picture: Image.Image, factor: int) -> Image.Image:
    """Average squares of ``factor`` pixels, strip by strip: a second picture of that size would not fit."""
    width, height = picture.size
    strips = [
        _plain(picture.crop((0, top, width, min(top + _STRIP * factor, height)))).reduce(factor)
        for top in range(0, height, _STRIP * factor)
    ]
    reduced = Image.new(strips[0].mode, (strips[0].width, sum(strip.height for strip in strips)))
    for index, strip in enumerate(strips):
        reduced.paste(strip, (0, index * _STRIP))
    return reduced


def _seen_size(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, math.sqrt(OCR_MOST_PIXELS / (width * height)), OCR_MOST_SIDE / max(width, height))
    return max(1, math.floor(width * scale)), max(1, math.floor(height * scale))


def _plain(picture: Image.Image) -> Image.Image:
    """The picture in a mode that can be scaled."""
    match picture.mode:
        case "P" | "PA":
            return picture.convert(
                "RGBA" if picture.mode == "PA" or "transparency" in picture.info else "RGB"
            )
        case "1":
            return picture.convert("L")
        case mode if mode in _DEEP_MODES:
            # Pillow would cut what is brighter than 255.
            return Image.fromarray(np.right_shift(np.asarray(picture), 8).astype(np.uint8))
        case _:
            return picture


def _upright(picture: Image.Image, scaled: Image.Image) -> Image.Image:
    """``scaled`` turned as the EXIF of ``picture`` says."""
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # broken EXIF says nothing about the picture
        return scaled
    turn = _TURNS.get(orientation) if orientation else None
    return scaled if turn is None else scaled.transpose(turn)


def _flat(picture: Image.Image) -> Image.Image:
    if picture.mode not in ("LA", "RGBA"):
        return picture.convert("RGB")
    ground = Image.new("RGBA", picture.size, _WHITE)
    return Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")
