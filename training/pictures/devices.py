"""Pictures of the devices: close to their lights in each state, and whole as products."""

from collections.abc import Callable, Mapping
from functools import partial

from training.pictures.cameras import lookout_c1, lookout_c3
from training.pictures.canvas import Canvas, Color, Point, darker, down, lighter
from training.pictures.lights import BLUE, GREEN, OFF, ORANGE, RED, WHITE, YELLOW, Light
from training.pictures.power import larder_20, relay_65, relay_pad
from training.pictures.routers import brook_r2, brook_r6, grove_m3, three_grove_m3
from training.pictures.screens import leaflet_t10, meridian_w2
from training.pictures.sound import murmur_5, murmur_buds, teacup_s1

WIDTH, HEIGHT = 640, 480

Device = Callable[[Canvas], None]

_OAK: Color = (206, 170, 128)
_LINEN: Color = (214, 209, 200)
_SLATE: Color = (150, 162, 176)
_SAGE: Color = (176, 192, 172)
_WALL: Color = (226, 224, 220)


def _picture(device: Device, ground: Color, center: Point, zoom: float, horizon: float | None) -> Canvas:
    canvas = Canvas(WIDTH, HEIGHT)
    everything = (0.0, 0.0, float(WIDTH), float(HEIGHT))
    canvas.backdrop(down(lighter(ground, 0.3), darker(ground, 0.1), everything))
    if horizon is not None:
        table = canvas.rounded((-10.0, horizon, WIDTH + 10.0, HEIGHT + 10.0), 0)
        canvas.fill(table, down(darker(ground, 0.12), darker(ground, 0.28), (0, horizon, 0, HEIGHT)))
    canvas.texture(canvas.whole(), 1, 2.0, 1.2)
    with canvas.placed(center, zoom):
        device(canvas)
    return canvas


def _close(device: Device, ground: Color, zoom: float, center: Point = (320, 240)) -> Callable[[], Canvas]:
    return partial(_picture, device, ground, center, zoom, None)


def _whole(device: Device, ground: Color, zoom: float, center: Point = (320, 236)) -> Callable[[], Canvas]:
    return partial(_picture, device, ground, center, zoom, 330.0)


def _blinks(color: Color) -> Light:
    return Light(color, blinking=True)


PANELS: Mapping[str, Callable[[], Canvas]] = {
    "brook-r2-green-blinking": _close(partial(brook_r2, light=_blinks(GREEN)), _SLATE, 1.24, (330, 228)),
    "brook-r2-red-solid": _close(partial(brook_r2, light=Light(RED)), _SLATE, 1.24, (330, 228)),
    "brook-r2-red-blinking": _close(partial(brook_r2, light=_blinks(RED)), _SLATE, 1.24, (330, 228)),
    "brook-r6-internet-orange": _close(partial(brook_r6, internet=Light(ORANGE)), _LINEN, 1.08),
    "brook-r6-internet-off": _close(partial(brook_r6, internet=OFF), _LINEN, 1.08),
    "brook-r6-wifi-off": _close(partial(brook_r6, wifi=OFF), _LINEN, 1.08),
    "brook-r6-power-red": _close(partial(brook_r6, power=_blinks(RED), internet=OFF, wifi=OFF), _LINEN, 1.08),
    "grove-m3-blue": _close(partial(grove_m3, light=_blinks(BLUE)), _OAK, 1.34),
    "grove-m3-yellow": _close(partial(grove_m3, light=Light(YELLOW)), _OAK, 1.34),
    "grove-m3-red": _close(partial(grove_m3, light=Light(RED)), _OAK, 1.34),
    "teacup-s1-red": _close(partial(teacup_s1, light=Light(RED)), _SAGE, 1.22, (310, 248)),
    "teacup-s1-white-blinking": _close(partial(teacup_s1, light=_blinks(WHITE)), _SAGE, 1.22, (310, 248)),
    "lookout-c1-red-blinking": _close(partial(lookout_c1, light=_blinks(RED)), _OAK, 1.2, (320, 252)),
    "lookout-c1-blue-blinking": _close(partial(lookout_c1, light=_blinks(BLUE)), _OAK, 1.2, (320, 252)),
    "lookout-c3-red-blinking": _close(partial(lookout_c3, light=_blinks(RED)), _WALL, 1.14, (318, 260)),
    "larder-20-all-blinking": _close(partial(larder_20, lights=(_blinks(WHITE),) * 4), _LINEN, 1.08),
    "larder-20-one-blinking": _close(
        partial(larder_20, lights=(_blinks(WHITE), OFF, OFF, OFF)), _LINEN, 1.08
    ),
    "relay-pad-orange-blinking": _close(partial(relay_pad, light=_blinks(ORANGE)), _OAK, 1.2),
    "murmur-5-blue-blinking": _close(partial(murmur_5, light=_blinks(BLUE)), _LINEN, 1.12, (300, 232)),
    "murmur-buds-white-blinking": _close(partial(murmur_buds, light=_blinks(WHITE)), _SLATE, 1.16),
    "murmur-buds-orange": _close(partial(murmur_buds, light=Light(ORANGE)), _SLATE, 1.16),
    "murmur-buds-off": _close(murmur_buds, _SLATE, 1.16),
}
"""Close to the lights: what a customer sends who asks what a light means."""

VIEWS: Mapping[str, Callable[[], Canvas]] = {
    "brook-r2": _whole(brook_r2, _OAK, 0.82, (310, 222)),
    "brook-r6": _whole(brook_r6, _SAGE, 0.86, (320, 246)),
    "grove-m3": _whole(three_grove_m3, _SLATE, 0.94, (318, 240)),
    "teacup-s1": _whole(partial(teacup_s1, light=OFF), _LINEN, 0.88, (300, 250)),
    "lookout-c1": _whole(lookout_c1, _SAGE, 0.84, (330, 226)),
    "lookout-c3": _close(lookout_c3, _OAK, 0.92, (330, 236)),
    "larder-20": _whole(partial(larder_20, lights=(OFF,) * 4), _OAK, 0.82),
    "relay-pad": _whole(relay_pad, _SAGE, 0.86, (320, 270)),
    "relay-65": _whole(relay_65, _SLATE, 0.86, (320, 250)),
    "murmur-5": _whole(murmur_5, _OAK, 0.9, (320, 232)),
    "murmur-buds": _whole(murmur_buds, _LINEN, 0.84, (320, 240)),
    "leaflet-t10": _whole(leaflet_t10, _WALL, 0.9, (320, 240)),
    "meridian-w2": _whole(meridian_w2, _SAGE, 0.86, (316, 238)),
}
"""Whole products, their lights as when they are new or at rest."""
