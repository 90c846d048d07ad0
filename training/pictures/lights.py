"""Lamps and rings of light, solid, blinking and off, and the icons beside them."""

import math
from dataclasses import dataclass

from training.pictures.canvas import Canvas, Color, Point, Radial, darker, lighter

RED: Color = (236, 28, 24)
ORANGE: Color = (255, 132, 0)
YELLOW: Color = (255, 214, 20)
GREEN: Color = (30, 205, 70)
BLUE: Color = (24, 96, 255)
WHITE: Color = (246, 250, 255)

_OFF: Color = (58, 61, 66)
_RAYS = 10


@dataclass(frozen=True, slots=True)
class Light:
    """What a lamp shows; ``color`` None: it is off."""

    color: Color | None = None
    blinking: bool = False


OFF = Light()
ON = Light(GREEN)
IDLE = Light(WHITE)


def lamp(canvas: Canvas, center: Point, radius: float, light: Light, rays: bool = True) -> None:
    """Draw a round lamp. Blinking is drawn as in quick-start guides, with rays around it."""
    x, y = center
    canvas.fill(canvas.ellipse(center, radius * 1.2), (32, 34, 38))
    if light.color is None:
        body = canvas.ellipse(center, radius)
        canvas.fill(body, Radial((96, 100, 106), _OFF, (x - radius * 0.3, y - radius * 0.4), radius))
        return
    lit = canvas.ellipse(center, radius)
    if light.blinking:
        if rays:
            _rays(canvas, center, radius, light.color)
    else:
        canvas.glow(canvas.ellipse(center, radius * 1.5), light.color, radius * 0.75, 0.75)
    canvas.fill(lit, Radial(lighter(light.color, 0.7), light.color, center, radius * 0.85))


def _rays(canvas: Canvas, center: Point, radius: float, color: Color) -> None:
    x, y = center
    for number in range(_RAYS):
        angle = 2 * math.pi * (number + 0.5) / _RAYS
        inner, outer = radius * 1.6, radius * 2.5
        ends = [(x + math.cos(angle) * r, y + math.sin(angle) * r) for r in (inner, outer)]
        canvas.fill(canvas.stroke(ends, radius * 0.44), darker(color, 0.55))
        canvas.fill(canvas.stroke(ends, radius * 0.3), color)


def ring_light(
    canvas: Canvas, center: Point, radius_x: float, radius_y: float, width: float, light: Light
) -> None:
    """Draw an elliptic ring of light; blinking, it sends out waves."""
    ring = canvas.ring(center, radius_x, radius_y, width)
    if light.color is None:
        canvas.fill(ring, (150, 154, 160))
        return
    if light.blinking:
        for wave, opacity in ((1.11, 0.95), (1.24, 0.8)):
            out = canvas.ring(center, radius_x * wave, radius_y * wave, width * 0.42)
            canvas.fill(out, light.color, opacity)
    else:
        canvas.glow(ring, light.color, width * 1.1, 0.8)
    canvas.fill(ring, light.color)
    inner = radius_x - width * 0.38
    core = canvas.ring(center, inner, inner * radius_y / radius_x, width * 0.24)
    canvas.fill(core, lighter(light.color, 0.4))


def power_icon(canvas: Canvas, center: Point, size: float, color: Color) -> None:
    """Draw the circle with a stroke."""
    x, y = center
    canvas.fill(canvas.arc(center, size * 0.42, size * 0.12, -60, 240), color)
    canvas.fill(canvas.stroke([(x, y - size * 0.55), (x, y - size * 0.05)], size * 0.12), color)


def globe_icon(canvas: Canvas, center: Point, size: float, color: Color) -> None:
    """Draw a globe with its meridians, for the Internet."""
    x, y = center
    radius, width = size * 0.5, size * 0.09
    canvas.fill(canvas.ring(center, radius, radius, width), color)
    canvas.fill(canvas.ring(center, radius * 0.5, radius, width * 0.7), color)
    canvas.fill(canvas.stroke([(x - radius, y), (x + radius, y)], width), color)
    for shift in (-0.27, 0.27):
        half = math.sqrt(0.25 - shift**2) * size
        canvas.fill(canvas.stroke([(x - half, y + shift * size), (x + half, y + shift * size)], width), color)


def wireless_icon(canvas: Canvas, center: Point, size: float, color: Color) -> None:
    """Draw the dot with three arcs, for Wi-Fi."""
    x, y = center
    foot = (x, y + size * 0.38)
    canvas.fill(canvas.ellipse(foot, size * 0.1), color)
    for radius in (0.32, 0.58, 0.84):
        canvas.fill(canvas.arc(foot, size * radius, size * 0.12, 225, 315), color)
