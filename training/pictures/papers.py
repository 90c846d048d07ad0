"""What is printed: parcel labels and notes, receipts and slips, and the labels on devices."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from training.pictures.canvas import Canvas, Color, darker, down

_BLACK: Color = (22, 22, 24)
_GRAY: Color = (96, 98, 102)
_BOARD: Color = (196, 156, 112)
_PAPER: Color = (252, 251, 248)

Row = tuple[str, str]


def _barcode(canvas: Canvas, left: float, top: float, right: float, bottom: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    x = left
    while x < right - 6:
        width = float(random.choice([2.5, 4.0, 6.0]))
        canvas.fill(canvas.rounded((x, top, x + width, bottom), 0), _BLACK)
        x += width + float(random.choice([2.5, 4.0, 6.0]))


def _square_code(canvas: Canvas, left: float, top: float, size: float, seed: int) -> None:
    cells = np.random.default_rng(seed).random((17, 17)) < 0.5
    cell = size / 17
    for row, column in zip(*np.nonzero(cells), strict=True):
        x, y = left + float(column) * cell, top + float(row) * cell
        canvas.fill(canvas.rounded((x, y, x + cell + 0.3, y + cell + 0.3), 0), _BLACK)
    for x, y in ((0.0, 0.0), (12.0, 0.0), (0.0, 12.0)):
        for inset, color in ((0.0, _BLACK), (1.0, _PAPER), (2.0, _BLACK)):
            box = (x + inset, y + inset, x + 5 - inset, y + 5 - inset)
            placed = [left + box[0] * cell, top + box[1] * cell, left + box[2] * cell, top + box[3] * cell]
            canvas.fill(canvas.rounded((placed[0], placed[1], placed[2], placed[3]), 0), color)


def parcel_label(
    service: str, name: str, street: str, place: str, number: str, order: str, seed: int
) -> Canvas:
    """Draw a shipping label on a box, 640 x 640; its service stands at the top right."""
    canvas = Canvas(640, 640)
    canvas.backdrop(down((214, 176, 132), (178, 138, 96), (0, 0, 640, 640)))
    canvas.texture(canvas.whole(), 21, 5, 2.0)
    canvas.fill(canvas.rounded((0, 290, 640, 356), 0), (226, 200, 160), 0.5)
    sheet = canvas.rounded((36, 30, 604, 610), 6)
    canvas.shadow(sheet, (4, 6), 8, 0.35)
    canvas.fill(sheet, _PAPER)
    canvas.text((62, 82), "Lumen & Wire", 32, _BLACK, 700)
    canvas.fill(canvas.rounded((436, 46, 588, 134), 0), _BLACK)
    canvas.text((512, 112), service, 58, (255, 255, 255), 900, anchor="ms")
    canvas.text((62, 116), "Parcel 1 of 1", 21, _GRAY)
    canvas.fill(canvas.rounded((36, 148, 604, 152), 0), _BLACK)
    canvas.text((62, 186), "Ship to", 21, _GRAY)
    canvas.text((62, 226), name, 30, _BLACK, 600)
    canvas.text((62, 264), street, 28, _BLACK)
    canvas.text((62, 302), place, 28, _BLACK)
    canvas.fill(canvas.rounded((36, 324, 604, 328), 0), _BLACK)
    _barcode(canvas, 72, 350, 570, 458, seed)
    canvas.text((320, 508), number, 38, _BLACK, 700, anchor="ms")
    canvas.fill(canvas.rounded((36, 532, 604, 536), 0), _BLACK)
    canvas.text((62, 580), f"Ref {order}", 26, _BLACK, 600)
    return canvas


def returned_label() -> Canvas:
    """Draw a label that was crossed out and stamped, 640 x 640."""
    canvas = parcel_label(
        "STD", "M. Alvarez", "208 Birch Road", "Denver, CO 80203", "LW3350917742", "FD-204883", 9
    )
    red: Color = (196, 24, 30)
    sticker = canvas.rounded((318, 156, 640, 326), 4)
    canvas.shadow(sticker, (3, 5), 6, 0.4)
    canvas.fill(sticker, (255, 222, 40))
    canvas.fill(canvas.rounded((318, 156, 640, 170), 0), red)
    canvas.fill(canvas.rounded((318, 312, 640, 326), 0), red)
    canvas.text((478, 256), "RTS", 92, red, 900, anchor="ms")
    canvas.text((478, 300), "11 Nov", 28, red, 700, anchor="ms")
    for left in range(0, 640, 80):
        for top in (0.0, 618.0):
            bar = canvas.polygon(
                [(left, top + 22), (left + 22, top), (left + 62, top), (left + 40, top + 22)]
            )
            canvas.fill(bar, red)
    return canvas


def note(title: str, rows: Sequence[str], color: Color) -> Canvas:
    """Draw a card that a driver leaves at the door, 640 x 460."""
    canvas = Canvas(640, 460)
    canvas.backdrop(down((104, 66, 46), (74, 46, 32), (0, 0, 640, 460)))
    canvas.texture(canvas.whole(), 22, 6, 3.0)
    card = canvas.rounded((44, 36, 596, 424), 12)
    canvas.shadow(card, (6, 10), 12, 0.5)
    canvas.fill(card, (255, 252, 240))
    canvas.fill(canvas.rounded((44, 36, 596, 122), 12), color)
    canvas.text((74, 94), title, 36, (255, 255, 255), 800)
    y = 176.0
    for row in rows:
        canvas.text((74, y), row, 29, _BLACK, 500)
        canvas.fill(canvas.rounded((74, y + 14, 566, y + 16), 0), (214, 206, 190))
        y += 62
    return canvas


def receipt(
    title: str,
    rows: Sequence[Row],
    total: Row,
    foot: Sequence[str],
    seed: int,
    paper: Color = _PAPER,
    table: Color = (96, 104, 114),
    shop: str = "Lumen & Wire",
) -> Canvas:
    """Draw a receipt on a table, 480 x 720."""
    canvas = Canvas(480, 720)
    canvas.backdrop(down(table, darker(table, 0.3), (0, 0, 480, 720)))
    canvas.texture(canvas.whole(), seed, 5, 2.4)
    teeth = [(40 + number * 10.0, 694.0 - (number % 2) * 10) for number in range(41)]
    strip = canvas.polygon([(40, 24), (440, 24), *reversed(teeth)])
    canvas.shadow(strip, (6, 8), 10, 0.5)
    canvas.fill(strip, paper)
    canvas.text((240, 84), shop, 34, _BLACK, 800, anchor="ms")
    canvas.text((240, 126), title, 26, _GRAY, 500, anchor="ms")
    y = 184.0
    for left, right in rows:
        canvas.text((64, y), left, 23, _BLACK)
        if right:
            canvas.text((416, y), right, 23, _BLACK, anchor="rs")
        y += 44
    canvas.fill(canvas.rounded((64, y - 20, 416, y - 17), 0), _BLACK)
    canvas.text((64, y + 26), total[0], 28, _BLACK, 800)
    if total[1]:
        canvas.text((416, y + 26), total[1], 28, _BLACK, 800, anchor="rs")
    y += 76
    for line in foot:
        canvas.text((64, y), line, 23, _GRAY, 500)
        y += 42
    _barcode(canvas, 84, 606, 396, 664, seed)
    return canvas


def statement() -> Canvas:
    """Draw a page of a bank's app with the same charge twice, 540 x 700."""
    canvas = Canvas(540, 700)
    canvas.backdrop((246, 247, 250))
    canvas.fill(canvas.rounded((0, 0, 540, 190), 0), down((44, 48, 92), (28, 30, 64), (0, 0, 540, 190)))
    canvas.text((36, 76), "Northbank", 32, (255, 255, 255), 700)
    canvas.text((36, 126), "Card 4821", 24, (206, 210, 236))
    canvas.text((504, 126), "November", 24, (206, 210, 236), anchor="rs")
    y = 256.0
    rows = (
        ("Lumen & Wire", "-$119.00", "14 Nov"),
        ("Lumen & Wire", "-$119.00", "14 Nov"),
        ("Corner Bakery", "-$8.40", "13 Nov"),
        ("City Transit", "-$2.75", "12 Nov"),
    )
    for name, amount, day in rows:
        ours = name == "Lumen & Wire"
        canvas.fill(canvas.ellipse((62, y + 6), 24), (84, 92, 170) if ours else (190, 196, 206))
        canvas.text((104, y), name, 26, _BLACK, 600)
        canvas.text((504, y), amount, 26, _BLACK, 700, anchor="rs")
        canvas.text((104, y + 34), day, 21, _GRAY)
        canvas.fill(canvas.rounded((36, y + 54, 504, y + 56), 0), (220, 224, 230))
        y += 104
    return canvas


def device_label(rows: Sequence[str], ground: Color, seed: int, coded: bool) -> Canvas:
    """Draw the label on the back or bottom of a device, 640 x 420."""
    canvas = Canvas(640, 420)
    canvas.backdrop(
        down(ground, (ground[0] * 2 // 3, ground[1] * 2 // 3, ground[2] * 2 // 3), (0, 0, 640, 420))
    )
    canvas.texture(canvas.whole(), seed, 3, 1.2)
    for x, y in ((30.0, 30.0), (610.0, 30.0), (30.0, 390.0), (610.0, 390.0)):
        canvas.fill(canvas.ellipse((x, y), 11), (60, 62, 66))
        canvas.fill(canvas.stroke([(x - 6, y - 4), (x + 6, y + 4)], 3), (28, 30, 32))
    sticker = canvas.rounded((60, 52, 580, 368), 12)
    canvas.shadow(sticker, (2, 3), 4, 0.3)
    canvas.fill(sticker, (244, 245, 246))
    y = 112.0
    for number, row in enumerate(rows):
        canvas.text((86, y), row, 34 if number == 0 else 27, _BLACK, 700 if number == 0 else 500)
        y += 54
    if coded:
        _square_code(canvas, 452, 78, 104, seed)
    else:
        _barcode(canvas, 86, 316, 554, 352, seed)
    return canvas


LABELS: Mapping[str, Callable[[], Canvas]] = {
    "label-std": partial(
        parcel_label,
        "STD",
        "Jordan Ellis",
        "14 Maple Street",
        "Portland, OR 97205",
        "LW2047715093",
        "FD-204911",
        4,
    ),
    "label-exp": partial(
        parcel_label,
        "EXP",
        "Priya Nair",
        "77 Harbor Lane",
        "Boston, MA 02110",
        "LW8810264475",
        "FD-204973",
        5,
    ),
    "label-bat": partial(
        parcel_label,
        "BAT",
        "Sam Okafor",
        "301 Cedar Avenue",
        "Austin, TX 78701",
        "LW5593380126",
        "FD-204937",
        6,
    ),
    "label-rts": returned_label,
    "delivery-note": partial(
        note,
        "Sorry we missed you",
        ("Tuesday, 11:20", "Parcel LW2047715093", "We will be back once more", "Driver 27"),
        (176, 92, 24),
    ),
    "delivery-note-zh": partial(
        note,
        "您好，您不在家",
        ("周二 11:20", "包裹号 LW2047715093", "我们还会再来一次", "快递员 27 号"),
        (36, 104, 92),
    ),
}
"""What comes with a parcel."""

RECEIPTS: Mapping[str, Callable[[], Canvas]] = {
    "receipt-order": partial(
        receipt,
        "Receipt",
        (("Teacup S1", "$89.00"), ("USB-C cable", "$12.00"), ("Delivery", "$0.00")),
        ("Total", "$101.00"),
        ("2 November 2026", "Order FD-204911", "Paid by Visa 4821"),
        31,
    ),
    "receipt-refund": partial(
        receipt,
        "Refund",
        (("Murmur Buds", "$99.00"), ("Return shipping", "-$6.00"), ("Missing cable", "-$9.00")),
        ("Refunded", "$84.00"),
        ("9 November 2026", "Order FD-204772", "To Visa 4821"),
        32,
        (255, 206, 214),
        (70, 52, 60),
    ),
    "receipt-points": partial(
        receipt,
        "Receipt",
        (("Larder 20", "$59.00"), ("Delivery", "$0.00")),
        ("Total", "$59.00"),
        ("5 November 2026", "Order FD-204820", "Wire Points +59", "Wire Points 1,240"),
        33,
        (196, 222, 255),
        (196, 170, 132),
    ),
    "gift-slip": partial(
        receipt,
        "Gift slip",
        (("For Lena", ""), ("From Aunt Ruth", ""), ("Meridian W2", "")),
        ("Happy birthday", ""),
        ("7 November 2026", "Order FD-204855"),
        34,
        (206, 240, 196),
        (150, 84, 60),
    ),
    "gift-slip-zh": partial(
        receipt,
        "礼品单",
        (("送给 小雨", ""), ("来自 姑姑", ""), ("子午 W2 手表", "")),
        ("生日快乐", ""),
        ("2026年11月7日", "订单 FD-204855"),
        35,
        (255, 232, 160),
        (150, 60, 60),
        "明线电子",
    ),
    "bank-statement": statement,
}
"""Receipts, slips and statements."""

SERIALS: Mapping[str, Callable[[], Canvas]] = {
    "serial-t10": partial(
        device_label,
        ("Leaflet T10", "Model LT10-128", "SN LW4T40928817", "5 V 3 A"),
        (112, 138, 116),
        41,
        False,
    ),
    "serial-r2-wifi": partial(
        device_label,
        ("Brook R2", "Wi-Fi Brook-7F21", "Key maple-river-42", "SN LW7R71530264"),
        (226, 228, 232),
        42,
        True,
    ),
    "serial-larder": partial(
        device_label, ("Larder 20", "20,000 mAh 3.7 V", "74 Wh", "SN LW2L66140935"), (52, 76, 122), 43, False
    ),
}
"""Labels on the backs and bottoms of devices."""
