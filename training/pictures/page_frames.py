"""How a page of an app stands on a phone, in a browser or on a tablet."""

from collections.abc import Callable
from dataclasses import dataclass

from training.pictures.canvas import Canvas, Color, Point, down, lighter

SHOP: Color = (24, 84, 120)

_INK: Color = (28, 32, 38)
_QUIET: Color = (92, 100, 110)
_LINE: Color = (218, 222, 228)
_ALERT: Color = (200, 36, 32)


@dataclass(frozen=True, slots=True)
class Page:
    """What stands on a page: rows of left and right, then the error, then a button."""

    brand: str
    title: str
    rows: tuple[tuple[str, str], ...]
    code: str
    message: str
    button: str
    color: Color = SHOP
    figure: Callable[[Canvas], None] | None = None
    clock: str = "10:24"


def _sign(canvas: Canvas, center: Point, radius: float, color: Color) -> None:
    x, y = center
    canvas.fill(canvas.ellipse(center, radius), color)
    canvas.fill(canvas.stroke([(x, y - radius * 0.5), (x, y + radius * 0.1)], radius * 0.22), (255, 255, 255))
    canvas.fill(canvas.ellipse((x, y + radius * 0.52), radius * 0.14), (255, 255, 255))


def _battery(canvas: Canvas, right: float, y: float) -> None:
    canvas.fill(canvas.rounded((right - 34, y - 8, right - 4, y + 8), 4), _QUIET)
    canvas.fill(canvas.rounded((right - 3, y - 4, right, y + 4), 1), _QUIET)
    for number in range(4):
        x = right - 70 + number * 7
        canvas.fill(canvas.rounded((x, y + 6 - number * 4, x + 5, y + 8), 1), _QUIET)


def _rows(
    canvas: Canvas, page: Page, left: float, right: float, top: float, step: float, size: float
) -> float:
    y = top
    for number, (first, second) in enumerate(page.rows):
        last = number == len(page.rows) - 1
        canvas.text((left, y), first, size, _INK if last else _QUIET, 500 if last else 400)
        if second:
            canvas.text((right, y), second, size, _INK, 600 if last else 400, anchor="rs")
        canvas.fill(canvas.rounded((left, y + step * 0.3, right, y + step * 0.3 + 1.5), 0), _LINE)
        y += step
    return y


def phone(page: Page) -> Canvas:
    """Draw a page on a phone, 540 x 760."""
    canvas = Canvas(540, 760)
    canvas.backdrop((250, 251, 252))
    canvas.text((28, 36), page.clock, 20, _QUIET, 600)
    _battery(canvas, 512, 29)
    canvas.fill(canvas.rounded((0, 52, 540, 118), 0), page.color)
    canvas.text((270, 96), page.brand, 28, (255, 255, 255), 600, anchor="ms")
    canvas.fill(canvas.ellipse((44, 85), 16), lighter(page.color, 0.7))
    canvas.text((32, 172), page.title, 32, _INK, 700)
    y = 222.0
    if page.figure is not None:
        canvas.fill(
            canvas.rounded((32, 196, 508, 396), 18),
            down(lighter(page.color, 0.8), lighter(page.color, 0.62), (0, 196, 0, 396)),
        )
        with canvas.placed((270, 298), 0.42):
            page.figure(canvas)
        y = 440.0
    y = _rows(canvas, page, 32, 508, y, 52, 23)
    card = canvas.rounded((24, y - 14, 516, y + 122), 16)
    canvas.shadow(card, (0, 4), 8, 0.15)
    canvas.fill(card, (255, 238, 236))
    canvas.fill(canvas.rounded((24, y - 14, 34, y + 122), 5), _ALERT)
    _sign(canvas, (80, y + 52), 24, _ALERT)
    canvas.text((126, y + 48), page.code, 40, _ALERT, 800)
    canvas.text((126, y + 92), page.message, 23, _INK, 500)
    bottom = max(y + 156, 656)
    canvas.fill(canvas.rounded((32, bottom, 508, bottom + 68), 34), page.color)
    canvas.text((270, bottom + 44), page.button, 26, (255, 255, 255), 600, anchor="ms")
    return canvas


def browser(page: Page) -> Canvas:
    """Draw a page in a browser's window, 800 x 600."""
    canvas = Canvas(800, 600)
    canvas.backdrop((228, 231, 236))
    for number, color in enumerate(((238, 98, 88), (244, 190, 76), (98, 196, 86))):
        canvas.fill(canvas.ellipse((26 + number * 24, 26), 8), color)
    canvas.fill(canvas.rounded((130, 10, 780, 42), 16), (255, 255, 255))
    canvas.text((156, 33), "lumenwire.example", 19, _QUIET)
    canvas.fill(canvas.rounded((0, 54, 800, 600), 0), (252, 252, 253))
    canvas.fill(canvas.rounded((0, 54, 800, 116), 0), page.color)
    canvas.text((40, 95), page.brand, 27, (255, 255, 255), 700)
    canvas.fill(canvas.ring((742, 82), 11, 11, 4), (255, 255, 255))
    canvas.fill(canvas.stroke([(750, 91), (760, 101)], 4), (255, 255, 255))
    canvas.text((40, 172), page.title, 32, _INK, 700)
    y = _rows(canvas, page, 40, 760, 226, 48, 22)
    canvas.fill(canvas.rounded((40, y - 16, 760, y + 86), 10), (255, 238, 236))
    canvas.fill(canvas.ring((90, y + 35), 27, 27, 5), _ALERT)
    canvas.fill(canvas.stroke([(79, y + 24), (101, y + 46)], 5), _ALERT)
    canvas.fill(canvas.stroke([(101, y + 24), (79, y + 46)], 5), _ALERT)
    canvas.text((140, y + 29), page.code, 34, _ALERT, 800)
    canvas.text((140, y + 67), page.message, 22, _INK, 500)
    canvas.fill(canvas.rounded((40, y + 116, 300, y + 170), 8), page.color)
    canvas.text((170, y + 151), page.button, 23, (255, 255, 255), 600, anchor="ms")
    return canvas


def tablet(page: Page) -> Canvas:
    """Draw a message before a tablet's home screen, 800 x 560."""
    canvas = Canvas(800, 560)
    canvas.backdrop(down((140, 190, 164), (36, 92, 80), (0, 0, 800, 560)))
    hill = canvas.polygon([(0, 560), (0, 430), (210, 300), (400, 420), (600, 270), (800, 400), (800, 560)])
    canvas.fill(hill, down((70, 140, 108), (24, 70, 60), (0, 270, 0, 560)))
    canvas.text((30, 36), page.clock, 21, (255, 255, 255), 600)
    canvas.text((770, 36), page.brand, 21, (255, 255, 255), 600, anchor="rs")
    card = canvas.rounded((110, 84, 690, 500), 26)
    canvas.shadow(card, (0, 14), 26, 0.55)
    canvas.fill(card, (250, 251, 250))
    _sign(canvas, (172, 142), 26, (226, 120, 20))
    canvas.text((216, 154), page.title, 31, _INK, 700)
    y = _rows(canvas, page, 150, 650, 216, 50, 23)
    canvas.text((150, y + 32), page.code, 42, (196, 84, 8), 800)
    canvas.text((150, y + 76), page.message, 23, _INK, 500)
    canvas.fill(canvas.rounded((430, 434, 660, 482), 24), page.color)
    canvas.text((545, 467), page.button, 23, (255, 255, 255), 600, anchor="ms")
    return canvas
