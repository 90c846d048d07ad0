"""Pages of the shop and of the Lumen Home app as they stand on a phone, in a browser or on a tablet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from training.pictures.cameras import lookout_c1
from training.pictures.canvas import Canvas, Color, Point, darker, down, lighter
from training.pictures.lights import OFF, RED
from training.pictures.screens import meridian_w2

_INK: Color = (28, 32, 38)
_QUIET: Color = (92, 100, 110)
_LINE: Color = (218, 222, 228)
_ALERT: Color = (200, 36, 32)
_SHOP: Color = (24, 84, 120)
_HOME: Color = (20, 120, 104)
_TABLET: Color = (70, 92, 74)


@dataclass(frozen=True, slots=True)
class Page:
    """What stands on a page: rows of left and right, then the error, then a button."""

    brand: str
    title: str
    rows: tuple[tuple[str, str], ...]
    code: str
    message: str
    button: str
    color: Color = _SHOP
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


def _camera(canvas: Canvas) -> None:
    lookout_c1(canvas, OFF)


def _hallway(canvas: Canvas) -> None:
    """A camera's live picture, small: a door, a floor, a plant."""
    box = (-540.0, -220.0, 540.0, 212.0)
    canvas.fill(canvas.rounded(box, 24), down((170, 178, 184), (120, 126, 132), box))
    canvas.fill(canvas.rounded((-540, 120, 540, 212), 12), (104, 86, 70))
    canvas.fill(canvas.rounded((-120, -180, 100, 120), 6), down((126, 88, 62), (92, 62, 42), box))
    canvas.fill(canvas.ellipse((70, -20), 12), (222, 190, 110))
    canvas.fill(canvas.ellipse((330, 10), 66, 90), (66, 120, 74))
    canvas.fill(canvas.rounded((294, 76, 366, 140), 8), (176, 96, 64))
    canvas.fill(canvas.ellipse((-480, -170), 18), RED)


_EN, _ZH = "Lumen & Wire", "明线电子"

_R6 = (("Brook R6 router", "$119.00"), ("Standard delivery", "$0.00"), ("Total", "$119.00"))
_R6_ZH = (("溪流 R6 路由器", "$119.00"), ("普通配送", "$0.00"), ("合计", "$119.00"))

PAGES: Mapping[str, Callable[[], Canvas]] = {
    "pay-402": partial(
        phone,
        Page(_EN, "Checkout", _R6, "PAY-402", "Your card was not accepted.", "Try again"),
    ),
    "pay-402-zh": partial(
        phone,
        Page(_ZH, "订单支付", _R6_ZH, "PAY-402", "银行卡支付没有成功。", "重新支付", clock="20:15"),
    ),
    "pay-407": partial(
        phone,
        Page(
            _EN,
            "Confirm payment",
            (("Card", "Visa 4821"), ("Code sent to", "555-0142"), ("Amount", "$64.50")),
            "PAY-407",
            "The code was not confirmed.",
            "Send new code",
            darker(_SHOP, 0.35),
            clock="18:03",
        ),
    ),
    "pay-407-zh": partial(
        browser,
        Page(
            _ZH,
            "支付验证",
            (("银行卡", "尾号 4821"), ("验证码已发送至", "555-0142"), ("金额", "$64.50")),
            "PAY-407",
            "验证没有通过。",
            "返回支付页面",
            darker(_SHOP, 0.35),
        ),
    ),
    "pay-423": partial(
        browser,
        Page(
            _EN,
            "Billing address",
            (("Name", "Jordan Ellis"), ("Street", "14 Maple Street"), ("ZIP code", "97205")),
            "PAY-423",
            "The payment could not be completed.",
            "Check address",
            (140, 40, 100),
        ),
    ),
    "pay-423-zh": partial(
        phone,
        Page(
            _ZH,
            "账单地址",
            (("姓名", "陈晓雨"), ("街道", "枫树街 14 号"), ("邮编", "97205")),
            "PAY-423",
            "支付无法完成。",
            "修改地址",
            (140, 40, 100),
            clock="08:47",
        ),
    ),
    "pay-511": partial(
        browser,
        Page(
            _EN,
            "Payment",
            (("Items in your basket", "3"), ("Total", "$212.80")),
            "PAY-511",
            "Something went wrong on this page.",
            "Reload",
            (86, 66, 120),
        ),
    ),
    "pay-511-zh": partial(
        phone,
        Page(
            _ZH,
            "收银台",
            (("购物车商品", "3 件"), ("合计", "$212.80")),
            "PAY-511",
            "页面出了点问题。",
            "刷新",
            (86, 66, 120),
            clock="23:31",
        ),
    ),
    "ord-404": partial(
        browser,
        Page(
            _EN,
            "Order status",
            (("Order number", "FD-204911"), ("Email", "jordan@mail.example")),
            "ORD-404",
            "There is nothing to show here.",
            "Search again",
            (40, 96, 70),
        ),
    ),
    "ord-404-zh": partial(
        phone,
        Page(
            _ZH,
            "订单查询",
            (("订单号", "FD-204911"), ("手机号", "555-0142")),
            "ORD-404",
            "这里没有内容。",
            "重新查询",
            (40, 96, 70),
            clock="11:58",
        ),
    ),
    "cpn-10": partial(
        phone,
        Page(
            _EN,
            "Basket",
            (("Murmur Buds", "$99.00"), ("Promo code", "SPRING15"), ("Total", "$99.00")),
            "CPN-10",
            "The price stays the same.",
            "Go to checkout",
            (150, 64, 40),
            clock="13:40",
        ),
    ),
    "cpn-10-zh": partial(
        phone,
        Page(
            _ZH,
            "购物车",
            (("低语 Buds 耳机", "$99.00"), ("优惠码", "SPRING15"), ("合计", "$99.00")),
            "CPN-10",
            "价格没有变化。",
            "去结算",
            (150, 64, 40),
            clock="16:22",
        ),
    ),
    "acc-429": partial(
        browser,
        Page(
            _EN,
            "Sign in",
            (("Email", "jordan@mail.example"), ("Password", "")),
            "ACC-429",
            "You cannot sign in at the moment.",
            "Back to the start",
            (56, 60, 68),
        ),
    ),
    "acc-429-zh": partial(
        phone,
        Page(
            _ZH,
            "登录",
            (("邮箱", "xiaoyu@mail.example"), ("密码", "")),
            "ACC-429",
            "暂时无法登录。",
            "返回首页",
            (56, 60, 68),
            clock="07:19",
        ),
    ),
    "net-12": partial(
        phone,
        Page(
            "Lumen Home",
            "Add device",
            (("Network", "Maple Home 5G"),),
            "NET-12",
            "The device did not connect.",
            "Start again",
            _HOME,
            _camera,
            clock="19:26",
        ),
    ),
    "net-12-zh": partial(
        phone,
        Page(
            "明线家居",
            "添加设备",
            (("网络", "Maple Home 5G"),),
            "NET-12",
            "设备没有连接成功。",
            "重新开始",
            _HOME,
            _camera,
            clock="21:08",
        ),
    ),
    "cam-21": partial(
        phone,
        Page(
            "Lumen Home",
            "Hallway",
            (("Live", "Lookout C1"),),
            "CAM-21",
            "Nothing has been kept since 14:02.",
            "Open storage",
            darker(_HOME, 0.3),
            _hallway,
            clock="14:10",
        ),
    ),
    "syn-08": partial(
        phone,
        Page(
            "Lumen Home",
            "Meridian W2",
            (("Last update", "2 days ago"),),
            "SYN-08",
            "New data is not shown.",
            "Retry",
            (120, 60, 36),
            meridian_w2,
            clock="06:55",
        ),
    ),
    "sys-07": partial(
        tablet,
        Page(
            "Leaflet T10",
            "System message",
            (("Photos and videos", "81 GB"), ("Apps", "38 GB")),
            "SYS-07",
            "Some things will not work now.",
            "OK",
            _TABLET,
            clock="15:12",
        ),
    ),
    "upd-31": partial(
        tablet,
        Page(
            "Leaflet T10",
            "System update",
            (("Version", "12.4"), ("Battery", "31 %")),
            "UPD-31",
            "Your tablet has not been changed.",
            "Close",
            (52, 74, 120),
            clock="22:44",
        ),
    ),
}
"""Pages with an error's code, some of them in Mandarin."""
