"""What has a screen: Leaflet T10 (tablet) and Meridian W2 (round watch); their screens show no words."""

import math

from training.pictures.canvas import Canvas, Color, Radial, across, down, lighter

_ICONS: tuple[Color, ...] = (
    (240, 92, 80),
    (66, 150, 240),
    (250, 190, 60),
    (96, 196, 120),
    (150, 110, 220),
    (60, 190, 190),
    (236, 120, 176),
    (120, 132, 148),
)


def leaflet_t10(canvas: Canvas) -> None:
    """Draw the Leaflet T10 lying, 580 wide and 400 high around the origin."""
    body = canvas.rounded((-290, -200, 290, 200), 30)
    canvas.shadow(body, (18, 24), 24, 0.5)
    canvas.fill(body, across((124, 150, 128), (74, 98, 80), (-290, 0, 290, 0)))
    canvas.fill(canvas.rounded((-282, -192, 282, 192), 24), (16, 18, 20))
    screen = canvas.rounded((-254, -172, 254, 172), 8)
    canvas.fill(screen, down((178, 222, 196), (44, 110, 96), (0, -172, 0, 172)))
    leaf = canvas.polygon([(-254, 172), (-120, 20), (20, 96), (150, -20), (254, 70), (254, 172)])
    canvas.fill(leaf, down((86, 160, 120), (30, 82, 70), (0, -20, 0, 172)))
    for number, color in enumerate(_ICONS):
        x, y = -180 + (number % 4) * 120, -98 + (number // 4) * 96
        canvas.fill(canvas.rounded((x - 30, y - 30, x + 30, y + 30), 16), color)
        canvas.fill(canvas.ellipse((x, y), 13), lighter(color, 0.6))
    canvas.fill(canvas.rounded((-150, 118, 150, 160), 20), (236, 244, 240), 0.75)
    canvas.fill(canvas.ellipse((-268, 0), 5), (70, 76, 84))


def meridian_w2(canvas: Canvas) -> None:
    """Draw the Meridian W2, 320 wide and 460 high around the origin."""
    band: Color = (206, 92, 52)
    for top, bottom in ((-236, -96), (96, 236)):
        narrow, wide = (60, 84) if top < 0 else (84, 60)
        part = canvas.polygon([(-narrow, top), (narrow, top), (wide, bottom), (-wide, bottom)])
        canvas.shadow(part, (12, 14), 14, 0.4)
        canvas.fill(part, across(lighter(band, 0.2), (146, 58, 30), (-84, 0, 84, 0)))
    for y in (150.0, 180.0, 210.0):
        canvas.fill(canvas.ellipse((0, y), 7, 9), (92, 34, 16))
    crown = canvas.rounded((136, -22, 166, 22), 8)
    canvas.fill(crown, across((196, 202, 210), (110, 116, 125), (136, 0, 166, 0)))
    case = canvas.ellipse((0, 0), 144)
    canvas.shadow(case, (14, 18), 18, 0.5)
    canvas.fill(case, Radial((236, 240, 244), (112, 118, 127), (-60, -80), 270))
    canvas.fill(canvas.ellipse((0, 0), 122), Radial((30, 38, 62), (8, 10, 18), (0, -30), 150))
    for number in range(12):
        angle = math.pi * number / 6
        x, y = math.sin(angle), -math.cos(angle)
        width = 8.0 if number % 3 == 0 else 4.0
        canvas.fill(canvas.stroke([(x * 94, y * 94), (x * 110, y * 110)], width), (230, 236, 244))
    canvas.fill(canvas.arc((0, 0), 78, 9, -90, 130), (70, 210, 150))
    for turn, length, thickness in ((-0.95, 52.0, 10.0), (1.05, 82.0, 7.0)):
        end = (math.sin(turn) * length, -math.cos(turn) * length)
        canvas.fill(canvas.stroke([(0, 0), end], thickness), (250, 252, 255))
    canvas.fill(canvas.ellipse((0, 0), 9), band)
