"""The routers: Brook R2 (white tower, one lamp), Brook R6 (wide and dark, three lamps), Grove M3 (ring)."""

from training.pictures.canvas import Canvas, Radial, across, darker, down
from training.pictures.lights import (
    IDLE,
    ON,
    Light,
    globe_icon,
    lamp,
    power_icon,
    ring_light,
    wireless_icon,
)


def brook_r2(canvas: Canvas, light: Light = ON) -> None:
    """Draw the Brook R2, 260 wide and 400 high around the origin."""
    back = canvas.stroke([(92, -120), (112, -238)], 22)
    canvas.shadow(back, (14, 10), 12, 0.3)
    canvas.fill(back, across((48, 51, 56), (96, 100, 106), (82, 0, 124, 0)))
    body = canvas.rounded((-130, -160, 130, 200), 46)
    canvas.shadow(body, (20, 26), 22, 0.45)
    canvas.fill(body, across((255, 255, 255), (214, 218, 224), (-130, 0, 130, 0)))
    edge = canvas.rounded((98, -150, 130, 190), 16)
    canvas.fill(edge, across((226, 229, 233), (188, 192, 199), (98, 0, 130, 0)))
    for slot in range(5):
        y = -128 + slot * 17
        canvas.fill(canvas.stroke([(-84, y), (64, y)], 6), (176, 181, 188))
    canvas.fill(canvas.ellipse((-10, 62), 108), (236, 239, 243))
    canvas.fill(canvas.ring((-10, 62), 108, 108, 4), (206, 211, 217))
    lamp(canvas, (-10, 62), 40, light)


def brook_r6(canvas: Canvas, power: Light = ON, internet: Light = ON, wifi: Light = ON) -> None:
    """Draw the Brook R6, 560 wide and 400 high around the origin."""
    for x, lean in ((-232, -26), (-110, -8), (110, 8), (232, 26)):
        antenna = canvas.stroke([(x, -40), (x + lean, -196)], 24)
        canvas.shadow(antenna, (8, 8), 10, 0.3)
        canvas.fill(antenna, across((62, 66, 73), (22, 24, 28), (x - 12, 0, x + 14, 0)))
    top = canvas.polygon([(-236, -74), (236, -74), (280, 24), (-280, 24)])
    canvas.shadow(top, (14, 34), 24, 0.5)
    canvas.fill(top, down((70, 75, 83), (42, 45, 51), (-280, -74, 280, 24)))
    for slot in range(9):
        x = -160 + slot * 40
        canvas.fill(canvas.stroke([(x * 0.92, -52), (x * 1.04, -6)], 7), (24, 26, 30))
    front = canvas.rounded((-280, 14, 280, 176), 20)
    canvas.shadow(front, (10, 18), 16, 0.45)
    canvas.fill(front, down((48, 52, 58), (20, 22, 26), (-280, 14, 280, 176)))
    canvas.fill(canvas.stroke([(-262, 20), (262, 20)], 3), (110, 116, 125))
    icons = (power_icon, globe_icon, wireless_icon)
    for x, light, icon in zip((-176, 0, 176), (power, internet, wifi), icons, strict=True):
        lamp(canvas, (x, 76), 30, light)
        icon(canvas, (x, 148), 34, (206, 212, 220))


def grove_m3(canvas: Canvas, light: Light = IDLE) -> None:
    """Draw a unit of the Grove M3 from above, 380 wide and 340 high around the origin."""
    foot = canvas.ellipse((0, 118), 178, 62)
    canvas.shadow(foot, (18, 26), 24, 0.5)
    side = canvas.polygon([(-190, -40), (190, -40), (172, 118), (-172, 118)])
    for part in (foot, side):
        canvas.fill(part, across((250, 251, 252), (184, 190, 196), (-190, 0, 190, 0)))
    canvas.texture(side, 3, 2.5, 1.2)
    canvas.fill(canvas.ellipse((0, -40), 190, 96), down((252, 253, 254), (222, 226, 231), (0, -136, 0, 56)))
    ring_light(canvas, (0, -40), 168, 84, 40, light)
    canvas.fill(canvas.ellipse((0, -40), 120, 58), Radial((250, 251, 253), (218, 222, 228), (-30, -66), 150))
    for x, y in ((0, -64), (-34, -48), (34, -48), (0, -30), (-22, -18), (22, -18)):
        canvas.fill(canvas.ellipse((x, y), 6, 3.5), darker((205, 209, 214), 0.2))


def three_grove_m3(canvas: Canvas) -> None:
    """Draw the set of three units, about 620 wide and 400 high around the origin."""
    for center, zoom in (((-160.0, -70.0), 0.62), ((168.0, -62.0), 0.62), ((0.0, 84.0), 0.82)):
        with canvas.placed(center, zoom):
            grove_m3(canvas)
