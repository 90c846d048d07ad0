"""What charges: Larder 20 (power bank), Relay Pad (wireless), Relay 65 (plug with three ports)."""

from collections.abc import Sequence

from training.pictures.canvas import Canvas, Color, Radial, across, darker, down, lighter
from training.pictures.lights import OFF, WHITE, Light, lamp

_NAVY: Color = (34, 58, 104)


def larder_20(canvas: Canvas, lights: Sequence[Light] = (Light(WHITE),) * 4) -> None:
    """Draw the Larder 20, 560 wide and 280 high around the origin; four lights from the left."""
    body = canvas.rounded((-280, -140, 280, 140), 44)
    canvas.shadow(body, (16, 24), 22, 0.5)
    canvas.fill(body, down(lighter(_NAVY, 0.24), darker(_NAVY, 0.3), (0, -140, 0, 140)))
    canvas.texture(body, 11, 3, 1.0)
    canvas.fill(canvas.stroke([(-240, -128), (240, -128)], 4), lighter(_NAVY, 0.5))
    for number, light in enumerate(lights):
        lamp(canvas, (-204 + number * 100, -8), 20, light)
    button = canvas.ellipse((212, -8), 34)
    canvas.fill(button, Radial(lighter(_NAVY, 0.4), darker(_NAVY, 0.4), (202, -22), 50))
    canvas.fill(canvas.ring((212, -8), 34, 34, 4), lighter(_NAVY, 0.45))
    canvas.fill(canvas.rounded((-236, 92, -170, 114), 11), (12, 15, 24))
    canvas.fill(canvas.rounded((-226, 99, -180, 107), 4), (92, 98, 110))


def relay_pad(canvas: Canvas, light: Light = OFF) -> None:
    """Draw the Relay Pad from above, 480 wide and 360 high around the origin."""
    cable = canvas.stroke([(0, -120), (12, -190), (70, -236), (170, -258)], 15)
    canvas.fill(cable, (40, 42, 47))
    foot = canvas.ellipse((0, 24), 238, 150)
    canvas.shadow(foot, (14, 22), 22, 0.5)
    canvas.fill(foot, across((92, 96, 103), (36, 38, 43), (-238, 0, 238, 0)))
    canvas.fill(canvas.ellipse((0, -6), 238, 146), Radial((78, 82, 89), (40, 43, 48), (-80, -90), 330))
    canvas.fill(canvas.ring((0, -6), 150, 92, 6), (118, 123, 131))
    bolt = [(12, -46), (-26, 0), (-2, 0), (-14, 36), (28, -14), (4, -14)]
    canvas.fill(canvas.polygon(bolt), (150, 156, 164))
    lamp(canvas, (0, 108), 24, light)


def relay_65(canvas: Canvas) -> None:
    """Draw the Relay 65, 360 wide and 400 high around the origin."""
    for x in (-58, 58):
        prong = canvas.rounded((x - 13, -206, x + 13, -100), 5)
        canvas.fill(prong, across((226, 229, 233), (136, 141, 149), (x - 13, 0, x + 13, 0)))
        canvas.fill(canvas.ellipse((x, -182), 5), (80, 84, 90))
    body = canvas.rounded((-150, -116, 150, 196), 52)
    canvas.shadow(body, (18, 24), 22, 0.45)
    canvas.fill(body, across((255, 255, 255), (206, 211, 218), (-150, 0, 150, 0)))
    canvas.fill(canvas.rounded((-112, -70, 112, 160), 34), (228, 232, 237))
    for y in (-34, 30):
        canvas.fill(canvas.rounded((-62, y - 15, 62, y + 15), 15), (28, 30, 35))
        canvas.fill(canvas.rounded((-44, y - 4, 44, y + 4), 4), (120, 126, 135))
    canvas.fill(canvas.rounded((-66, 82, 66, 132), 5), (28, 30, 35))
    canvas.fill(canvas.rounded((-54, 90, 54, 108), 2), (232, 132, 40))
