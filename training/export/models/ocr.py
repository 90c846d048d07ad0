"""Exports the reader of pictures: RapidOCR's verified models beside its backend, checked against RapidOCR."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rapidocr import RapidOCR

from services.vision.model import OCR, OCR_MOST_PIXELS, OCR_MOST_SIDE, OCR_VERSION
from training.export.backends.ocr.reader import Reader
from training.export.context import ExportContext

_WEIGHTS: Final = "ocr"
_PAGE: Final = (
    "Order 2026-118773 was shipped",
    "Error code: NET-4012",
    "The router cannot reach the internet",
    "Total: 128.40 EUR incl. VAT",
)


def export(context: ExportContext) -> None:
    """Put ``ocr`` into the repository."""

    def write(folder: Path) -> Mapping[str, Any]:
        weights = context.weights.fetch(_WEIGHTS)
        source = context.weights.models[_WEIGHTS]
        for file in source.files:
            shutil.copy2(weights / file.name, folder / file.name)
        return {
            "source": source.source,
            "revision": source.revision,
            "licence": source.licence,
            "languages": ["en", "zh"],
            "parity": check_parity(folder),
        }

    context.build(OCR, write, weights=[_WEIGHTS], sources=[Path(__file__)], version=OCR_VERSION)


def check_parity(folder: Path) -> dict[str, int]:
    """Read a page by the export and by RapidOCR as it is installed.

    Raises ``ValueError`` when they differ, or when it is not what stands on the page.
    """
    page = drawn_page(_PAGE)
    ours = Reader(folder, 1, OCR_MOST_SIDE, OCR_MOST_PIXELS).read(page).texts
    rapid: Any = RapidOCR(params={"Global.log_level": "warning"})
    theirs = rapid(page[:, :, ::-1]).txts
    if list(theirs or ()) != ours or ours != list(_PAGE):
        raise ValueError(f"ocr: the export reads {ours}, RapidOCR {theirs}, the page says {_PAGE}")
    return {"lines_read_alike": len(ours)}


def drawn_page(lines: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return a page with these lines in Pillow's own font (Latin letters), uint8[height, 800, 3]."""
    page = Image.new("RGB", (800, 60 + 70 * len(lines)), "white")
    draw = ImageDraw.Draw(page)
    for row, line in enumerate(lines):
        draw.text((40, 40 + 70 * row), line, fill="black", font=ImageFont.load_default(32))
    return np.asarray(page)
