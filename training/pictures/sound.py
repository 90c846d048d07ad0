"""What makes sound: Teacup S1 (a cup of fabric), Murmur 5 (over the ears), Murmur Buds (in a case)."""

from training.pictures.canvas import Canvas, Color, Radial, across, darker, down, lighter
from training.pictures.lights import IDLE, OFF, Light, lamp, ring_light

_FABRIC: Color = (72, 132, 130)
_BLACK: Color = (44, 46, 52)
_SAND: Color = (226, 210, 186)


def teacup_s1(canvas: Canvas, light: Light = IDLE) -> None:
    """Draw the Teacup S1 from above, 400 wide and 400 high around the origin."""
    saucer = canvas.ellipse((0, 170), 150, 34)
    canvas.shadow(saucer, (16, 18), 20, 0.5)
    canvas.fill(saucer, (52, 56, 60))
    handle = canvas.ring((176, 34), 62, 74, 24)
    canvas.fill(handle, across(lighter(_FABRIC, 0.1), darker(_FABRIC, 0.35), (150, 0, 240, 0)))
    cup = canvas.polygon([(-190, -86), (190, -86), (160, 80), (126, 172), (-126, 172), (-160, 80)])
    bottom = canvas.ellipse((0, 170), 126, 26)
    for part in (bottom, cup):
        canvas.fill(part, across(lighter(_FABRIC, 0.25), darker(_FABRIC, 0.3), (-190, 0, 190, 0)))
        canvas.texture(part, 5, 12, 1.4)
    canvas.fill(canvas.ellipse((0, -86), 190, 92), down((60, 64, 69), (36, 39, 43), (0, -178, 0, 6)))
    ring_light(canvas, (0, -86), 172, 82, 36, light)
    top = canvas.ellipse((0, -86), 126, 59)
    canvas.fill(top, Radial((70, 74, 80), (38, 41, 46), (-30, -110), 150))
    mark: Color = (222, 226, 230)
    canvas.fill(canvas.stroke([(-84, -86), (-56, -86)], 7), mark)
    canvas.fill(canvas.stroke([(56, -86), (84, -86)], 7), mark)
    canvas.fill(canvas.stroke([(70, -95), (70, -77)], 7), mark)
    canvas.fill(canvas.rounded((-9, -112, 9, -84), 9), mark)
    canvas.fill(canvas.arc((0, -92), 17, 4, 20, 160), mark)
    canvas.fill(canvas.stroke([(0, -74), (0, -64)], 4), mark)


def murmur_5(canvas: Canvas, light: Light = OFF) -> None:
    """Draw the Murmur 5, 420 wide and 420 high around the origin."""
    band = canvas.arc((0, 0), 178, 34, 180, 360)
    canvas.shadow(band, (14, 14), 14, 0.35)
    canvas.fill(band, across((98, 102, 110), (34, 36, 41), (-195, 0, 195, 0)))
    canvas.fill(canvas.arc((0, 0), 163, 14, 195, 345), _SAND)
    for side in (-1, 1):
        x = side * 176
        canvas.fill(canvas.rounded((x - 15, -18, x + 15, 70), 8), (172, 177, 184))
        pad = canvas.rounded((x - side * 56 - 30, 22, x - side * 56 + 30, 196), 28)
        shell = canvas.rounded((x - 46, 14, x + 46, 204), 44)
        canvas.shadow(shell, (12, 16), 14, 0.45)
        canvas.fill(pad, _SAND)
        canvas.texture(pad, 8, 5, 1.0)
        canvas.fill(shell, across(lighter(_BLACK, 0.28), darker(_BLACK, 0.35), (x - 46, 0, x + 46, 0)))
        canvas.fill(canvas.ring((x, 109), 32, 66, 4), lighter(_BLACK, 0.4))
    lamp(canvas, (176, 108), 24, light)


def murmur_buds(canvas: Canvas, light: Light = OFF) -> None:
    """Draw the Murmur Buds in their open case, 400 wide and 400 high around the origin."""
    lid = canvas.rounded((-168, -196, 168, -20), 76)
    canvas.shadow(lid, (12, 14), 14, 0.3)
    canvas.fill(lid, down((232, 228, 240), (190, 184, 206), (0, -196, 0, -20)))
    canvas.fill(canvas.rounded((-136, -168, 136, -20), 56), (120, 114, 138))
    case = canvas.rounded((-176, -26, 176, 190), 78)
    canvas.shadow(case, (16, 24), 20, 0.45)
    canvas.fill(case, down((246, 243, 251), (196, 190, 212), (0, -26, 0, 190)))
    well = canvas.rounded((-152, -26, 152, 42), 34)
    canvas.fill(well, (92, 87, 108))
    for side in (-1, 1):
        x = side * 76
        stem = canvas.rounded((x - 15, -48, x + 15, 34), 14)
        canvas.fill(stem, across((255, 255, 255), (206, 201, 220), (x - 15, 0, x + 15, 0)))
        bud = canvas.ellipse((x, -62), 44, 40)
        canvas.shadow(bud, (4, 8), 8, 0.4)
        canvas.fill(bud, Radial((255, 255, 255), (202, 196, 218), (x - 14, -78), 66))
        canvas.fill(canvas.ellipse((x + side * 16, -74), 17, 20), (70, 66, 84))
    canvas.fill(canvas.ellipse((0, 112), 96, 70), (74, 66, 96))
    lamp(canvas, (0, 112), 28, light)
