"""Pages of the shop and of the Lumen Home app."""

from collections.abc import Callable, Mapping
from functools import partial

from training.pictures.cameras import lookout_c1
from training.pictures.canvas import Canvas, Color, darker, down
from training.pictures.lights import OFF, RED
from training.pictures.page_frames import SHOP, Page, browser, phone, tablet
from training.pictures.screens import meridian_w2

_HOME: Color = (20, 120, 104)
_TABLET: Color = (70, 92, 74)


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
            darker(SHOP, 0.35),
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
            darker(SHOP, 0.35),
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
