"""Draws what words and regions added, as ``frontdesk explain`` draws turns, Mandarin words included."""

import logging
from pathlib import Path

from gateway.cli.context import UsageError
from gateway.cli.drawing import FORMATS, draw
from training.explain.attribution import ExplainError
from training.explain.explanation import Explanation
from training.explain.pictures import as_grid


def draw_attributions(found: Explanation, image: Path | None, out: Path) -> None:
    """Write PNG, SVG or PDF, by the file's name; ``image`` is the picture whose regions were explained.

    Words stand in reading order. Raises ``ExplainError`` for another format, and without
    what draws.
    """
    words = () if found.words is None else found.words.parts
    if out.suffix.lower() not in FORMATS:
        raise ExplainError(f"{out} cannot be drawn: name a file that ends with {', '.join(FORMATS)}")
    try:
        import matplotlib as mpl
        from matplotlib import font_manager
    except ModuleNotFoundError as error:
        raise ExplainError("drawing needs matplotlib: pip install '.[drawing]'") from error
    families = ["DejaVu Sans"]
    try:
        from training.pictures.fonts import FILE
    except ModuleNotFoundError:
        if not all(word.isascii() for word in words):
            raise ExplainError(
                "drawing Mandarin needs the extra `pictures`, which has a font for it:"
                " pip install '.[pictures]'"
            ) from None
    else:
        font_manager.fontManager.addfont(FILE)
        families.append(font_manager.get_font(FILE).family_name)
    out.parent.mkdir(parents=True, exist_ok=True)
    # The Mandarin font has one file for all weights, and matplotlib says so for each text.
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with mpl.rc_context({"font.family": families}):
            draw(
                f"{found.label} {found.probability:.2f}",
                [] if found.words is None else list(zip(words, found.words.contributions, strict=True)),
                {} if found.regions is None else {0: as_grid(found.regions.contributions)},
                [] if image is None else [image.read_bytes()],
                out,
            )
    except UsageError as error:
        raise ExplainError(str(error)) from error
    finally:
        log.setLevel(level)
