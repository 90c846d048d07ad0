"""Noto Sans CJK (SIL Open Font License) in any weight: Latin and simplified Chinese alike."""

from functools import cache
from pathlib import Path
from typing import Final

import manimgx_fonts_cjk
from PIL import ImageFont

FILE: Final = Path(manimgx_fonts_cjk.__file__).with_name("NotoSansCJK-VF.otf.ttc")
"""The collection of all its languages and weights."""
_SIMPLIFIED = 2
"""The collection's font with the shapes of simplified Chinese."""


@cache
def font(size: int, weight: int = 400) -> ImageFont.FreeTypeFont:
    """Give the font at ``size`` pixels and a weight from 100 to 900."""
    found = ImageFont.truetype(FILE, size, index=_SIMPLIFIED)
    found.set_variation_by_axes([weight])
    return found
