"""The cameras: Lookout C1 (a head on a stand, indoors) and Lookout C3 (a bullet on a wall, outdoors)."""

from training.pictures.canvas import Canvas, Color, Point, Radial, across, down
from training.pictures.lights import OFF, Light, lamp


def _lens(canvas: Canvas, center: Point, radius: float) -> None:
    x, y = center
    canvas.fill(
        canvas.ellipse(center, radius), Radial((70, 74, 80), (22, 24, 28), (x, y - radius), radius * 2)
    )
    canvas.fill(canvas.ellipse(center, radius * 0.74), (12, 13, 16))
    canvas.fill(
        canvas.ellipse(center, radius * 0.5), Radial((48, 62, 110), (14, 16, 26), center, radius * 0.5)
    )
    canvas.fill(canvas.ellipse((x - radius * 0.2, y - radius * 0.22), radius * 0.13), (214, 224, 240))
    canvas.fill(canvas.ellipse((x + radius * 0.2, y + radius * 0.16), radius * 0.06), (140, 150, 176))


def lookout_c1(canvas: Canvas, light: Light = OFF) -> None:
    """Draw the Lookout C1, 300 wide and 420 high around the origin."""
    foot = canvas.ellipse((0, 176), 128, 32)
    canvas.shadow(foot, (14, 14), 16, 0.45)
    canvas.fill(foot, down((238, 241, 245), (182, 188, 196), (0, 144, 0, 208)))
    neck = canvas.rounded((-24, 70, 24, 176), 14)
    canvas.fill(neck, across((232, 235, 240), (170, 176, 184), (-24, 0, 24, 0)))
    head = canvas.ellipse((0, -46), 152)
    canvas.shadow(head, (14, 18), 18, 0.4)
    canvas.fill(head, Radial((255, 255, 255), (186, 192, 200), (-56, -110), 260))
    canvas.fill(canvas.ellipse((0, -46), 122), Radial((46, 49, 55), (18, 20, 23), (-40, -90), 190))
    _lens(canvas, (0, -78), 58)
    lamp(canvas, (0, 30), 25, light)


def lookout_c3(canvas: Canvas, light: Light = OFF) -> None:
    """Draw the Lookout C3 on its holder, 560 wide and 360 high around the origin."""
    metal: Color = (92, 98, 106)
    plate = canvas.rounded((214, -150, 256, 150), 12)
    canvas.shadow(plate, (10, 14), 12, 0.45)
    canvas.fill(plate, across((214, 219, 226), (150, 156, 165), (214, 0, 256, 0)))
    arm = canvas.stroke([(214, 92), (120, 104), (70, 40)], 30)
    canvas.shadow(arm, (8, 12), 10, 0.35)
    canvas.fill(arm, across((150, 156, 164), metal, (60, 0, 220, 0)))
    body = canvas.rounded((-204, -112, 158, 76), 90)
    canvas.shadow(body, (14, 26), 18, 0.45)
    canvas.fill(body, down((244, 246, 249), (150, 157, 166), (0, -112, 0, 76)))
    roof = canvas.polygon([(-252, -112), (120, -134), (160, -96), (-240, -78)])
    canvas.shadow(roof, (4, 10), 8, 0.35)
    canvas.fill(roof, down((120, 126, 134), (74, 79, 87), (0, -134, 0, -78)))
    face = canvas.ellipse((-150, -16), 88, 94)
    canvas.fill(face, Radial((52, 56, 62), (16, 18, 21), (-180, -56), 170))
    _lens(canvas, (-166, -34), 46)
    lamp(canvas, (-134, 42), 25, light)
