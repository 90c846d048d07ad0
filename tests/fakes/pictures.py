"""Pictures made on the spot: good ones, and those that customers' programs get wrong."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import ExifTags, Image


def drawn(width: int = 160, height: int = 120, mode: str = "RGB") -> Image.Image:
    """Return a picture whose upper left quarter is red and whose lower right quarter is blue."""
    picture = Image.new("RGB", (width, height), "white")
    picture.paste((200, 20, 20), (0, 0, width // 2, height // 2))
    picture.paste((20, 20, 200), (width // 2, height // 2, width, height))
    return picture.convert(mode)


def detailed(width: int, height: int) -> Image.Image:
    """Return a picture full of detail, so that every part of its file matters."""
    noise = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def encoded(picture: Image.Image, format: str = "JPEG", **options: Any) -> bytes:
    """Return the picture as a file of that format."""
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def turned(picture: Image.Image, orientation: int, format: str = "JPEG") -> bytes:
    """Return ``picture`` as a camera held that way stores it: turned, and EXIF says how."""
    stored = {
        1: picture,
        2: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: picture.transpose(Image.Transpose.ROTATE_180),
        4: picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: picture.transpose(Image.Transpose.TRANSPOSE),
        6: picture.transpose(Image.Transpose.ROTATE_90),
        7: picture.transpose(Image.Transpose.TRANSVERSE),
        8: picture.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options: dict[str, Any] = {"quality": 95} if format == "JPEG" else {"lossless": True}
    return encoded(stored, format, exif=exif, **options)


def huge_png(width: int, height: int) -> bytes:
    """Return a small file that says it is a huge picture: all zeros, packed hard."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * width)
    rows = b"".join(packer.compress(row) for _ in range(min(height, 2000))) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def text_bomb_png() -> bytes:
    """Return a small picture with a note of 200 MB in it, packed to 200 kB."""
    packer = zlib.compressobj(9)
    note = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    whole = encoded(drawn(), "PNG")
    return whole[:33] + _chunk(b"zTXt", b"note\0\0" + note) + whole[33:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _frames(format: str) -> bytes:
    others = [drawn(80 + step, 60).resize((160, 120)) for step in (20, 40)]
    return encoded(drawn(), format, save_all=True, append_images=others, duration=50)


BAD: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "nothing": ("IMAGE_EMPTY", bytes),
    "a text named .jpg": ("IMAGE_UNKNOWN_FORMAT", lambda: b"This is no picture.\n" * 50),
    "a PDF": ("IMAGE_UNKNOWN_FORMAT", lambda: b"%PDF-1.7\n" + bytes(2000)),
    "a still GIF": ("IMAGE_UNKNOWN_FORMAT", lambda: encoded(drawn(), "GIF")),
    "an animated GIF": ("IMAGE_UNKNOWN_FORMAT", lambda: _frames("GIF")),
    "a TIFF": ("IMAGE_UNKNOWN_FORMAT", lambda: encoded(drawn(), "TIFF")),
    "an animated PNG": ("IMAGE_ANIMATED", lambda: _frames("PNG")),
    "an animated WebP": ("IMAGE_ANIMATED", lambda: _frames("WEBP")),
    "CMYK": ("IMAGE_COLORS_UNSUPPORTED", lambda: encoded(drawn(mode="CMYK"))),
    "one pixel": ("IMAGE_TOO_SMALL", lambda: encoded(drawn(1, 1), "PNG")),
    "15 pixels high": ("IMAGE_TOO_SMALL", lambda: encoded(drawn(200, 15))),
    "half a JPEG": ("IMAGE_BROKEN", lambda: _half(encoded(detailed(300, 200)))),
    "half a progressive JPEG": (
        "IMAGE_BROKEN",
        lambda: _half(encoded(detailed(300, 200), progressive=True)),
    ),
    "half a PNG": ("IMAGE_BROKEN", lambda: _half(encoded(detailed(300, 200), "PNG"))),
    "half a WebP": ("IMAGE_BROKEN", lambda: _half(encoded(detailed(300, 200), "WEBP"))),
    "a PNG with a bad checksum": ("IMAGE_BROKEN", lambda: _flipped(encoded(drawn(), "PNG"), 45)),
    "a PNG with a note of 200 MB": ("IMAGE_BROKEN", text_bomb_png),
    "a JPEG's start alone": ("IMAGE_UNKNOWN_FORMAT", lambda: b"\xff\xd8\xff\xe0"),
}
"""What is no good picture: the reason that tells it (INVALID_ARGUMENT), and how to make it."""

TOO_MUCH: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "a PNG of 50 megapixels": ("IMAGE_TOO_MANY_PIXELS", lambda: huge_png(8000, 6300)),
    "a PNG of 2,500 megapixels": ("IMAGE_TOO_MANY_PIXELS", lambda: huge_png(50_000, 50_000)),
    "a WebP of 16 megapixels": ("IMAGE_TOO_MANY_PIXELS", lambda: _plain_webp(4100, 4000)),
    "a JPEG of 41 megapixels": ("IMAGE_TOO_MANY_PIXELS", lambda: encoded(Image.new("L", (8200, 5000)))),
    "11 MB": ("IMAGE_TOO_LARGE", lambda: encoded(drawn()) + bytes(11 * 1024 * 1024)),
}
"""What is over a limit (RESOURCE_EXHAUSTED)."""


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]


def _plain_webp(width: int, height: int) -> bytes:
    return encoded(Image.new("RGB", (width, height), "gray"), "WEBP", method=0)
