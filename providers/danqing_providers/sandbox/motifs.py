"""The crisp things in a picture: pine, blossom, bamboo, birds, a boat, a pavilion and the seal.

Each is drawn as a stamp: a mask in a box of 1 x 1, several times finer than it is shown, then pasted in one colour.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from PIL import Image, ImageDraw

from danqing_providers.sandbox.palette import Color

__all__ = ["MOTIFS", "Stamp", "draw_birds", "draw_boat", "draw_pavilion", "draw_seal"]

Point = tuple[float, float]

_FINEST_SIDE: Final = 2200


class Stamp:
    """A mask of *width* x *height* pixels that is drawn in fractions of the width (both ways)."""

    def __init__(self, width: int, height: int) -> None:
        self.shown = (max(1, width), max(1, height))
        self._scale = max(1.0, min(3.0, _FINEST_SIDE / max(self.shown)))
        self._unit = self.shown[0] * self._scale
        self.mask = Image.new("L", (math.ceil(self._unit), math.ceil(self.shown[1] * self._scale)))
        self._draw = ImageDraw.Draw(self.mask)

    def _at(self, point: Point) -> Point:
        return point[0] * self._unit, point[1] * self._unit

    def brush(self, points: Sequence[Point], widths: tuple[float, float], ink: int = 255) -> None:
        """Draw a stroke whose width goes from the first of *widths* to the second."""
        for number in range(len(points) - 1):
            share = number / max(1, len(points) - 2)
            width = (widths[0] + (widths[1] - widths[0]) * share) * self._unit
            self._draw.line([self._at(points[number]), self._at(points[number + 1])], ink, max(1, round(width)))
            self.dot(points[number + 1], width / 2 / self._unit, ink)

    def dot(self, centre: Point, radius: float, ink: int = 255, *, flat: float = 1.0) -> None:
        """Draw an ellipse; *flat* is its height over its width."""
        x, y = self._at(centre)
        wide = radius * self._unit
        if wide >= 0.5:
            self._draw.ellipse((x - wide, y - wide * flat, x + wide, y + wide * flat), fill=ink)

    def shape(self, points: Sequence[Point], ink: int = 255) -> None:
        """Fill a polygon."""
        self._draw.polygon([self._at(point) for point in points], fill=ink)

    def paste(self, image: Image.Image, color: Color, corner: tuple[int, int], *, mirrored: bool = False) -> None:
        """Put the stamp on *image* with its top left at *corner*."""
        mask = self.mask.resize(self.shown, Image.Resampling.BOX)
        if mirrored:
            mask = mask.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image.paste(Image.new("RGB", mask.size, color), corner, mask)


def _curve(start: Point, bend: Point, end: Point, steps: int = 14) -> list[Point]:
    points = []
    for step in range(steps + 1):
        t = step / steps
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        points.append((a * start[0] + b * bend[0] + c * end[0], a * start[1] + b * bend[1] + c * end[1]))
    return points


def draw_pine(ink: Stamp, _accent: Stamp, dice: random.Random) -> None:
    """Draw a pine that leans in from the left over a rock; one unit wide, one high."""
    _rock(ink, dice)
    foot, crown = (0.12, 0.90), (0.50 + dice.uniform(-0.06, 0.08), 0.16)
    trunk = _curve(foot, (0.10 + dice.uniform(-0.05, 0.12), 0.45), crown)
    ink.brush(trunk, (0.045, 0.012), 235)
    for number in range(5, len(trunk)):
        root = trunk[number]
        side = 1 if number % 2 else -1
        reach = dice.uniform(0.12, 0.30) * (1.25 - number / len(trunk)) * (1.25 if side > 0 else 0.6)
        tip = (root[0] + side * reach, root[1] - dice.uniform(-0.03, 0.05))
        ink.brush(_curve(root, ((root[0] + tip[0]) / 2, root[1] + 0.03), tip, 6), (0.014, 0.005), 230)
        _needles(ink, tip, dice, 0.085 * (1.3 - 0.6 * number / len(trunk)))
    _needles(ink, crown, dice, 0.07)


def _needles(ink: Stamp, centre: Point, dice: random.Random, reach: float) -> None:
    for _ in range(4):
        cloud = (centre[0] + dice.uniform(-0.8, 0.8) * reach, centre[1] + dice.uniform(-0.22, 0.12) * reach)
        ink.dot(cloud, reach * dice.uniform(0.55, 0.85), 140, flat=0.26)
        for _ in range(46):
            angle = dice.uniform(math.pi * 1.04, math.pi * 1.96)
            length = reach * dice.uniform(0.26, 0.46)
            root = (cloud[0] + dice.uniform(-0.75, 0.75) * reach, cloud[1] + dice.uniform(-0.04, 0.12) * reach)
            tip = (root[0] + math.cos(angle) * length, root[1] + math.sin(angle) * length * 0.8)
            ink.brush([root, tip], (0.0017, 0.0017), dice.choice([190, 215, 245]))


def _rock(ink: Stamp, dice: random.Random) -> None:
    top = [
        (0.0, 0.80 + dice.uniform(-0.02, 0.02)),
        (0.10, 0.84),
        (0.19, 0.875),
        (0.27, 0.90),
        (0.38, 0.955),
        (0.50, 1.0),
    ]
    jagged = [(x, y + dice.uniform(-0.012, 0.012)) for x, y in top]
    ink.shape([*jagged, (0.0, 1.0)], 235)
    for _ in range(26):
        x = dice.uniform(0.0, 0.36)
        y = 0.83 + 0.34 * x + dice.uniform(0.01, 0.10)
        ink.brush([(x, y), (x + dice.uniform(0.01, 0.05), y + dice.uniform(0.02, 0.06))], (0.002, 0.002), 205)


def draw_blossom(ink: Stamp, accent: Stamp, dice: random.Random) -> None:
    """Draw a flowering branch that reaches in from the top left; the flowers are in the accent colour."""
    main = _curve((0.0, 0.06), (0.30, 0.06 + dice.uniform(0.0, 0.14)), (0.78, 0.34 + dice.uniform(-0.06, 0.08)), 18)
    rough = [(x, y + dice.uniform(-0.008, 0.008)) for x, y in main]
    ink.brush(rough, (0.030, 0.006), 240)
    for number in range(3, len(rough), 2):
        root = rough[number]
        angle = dice.choice([-1, 1]) * dice.uniform(0.4, 1.1) + 0.3
        length = dice.uniform(0.16, 0.36) * (1.2 - number / len(rough))
        tip = (root[0] + math.cos(angle) * length, root[1] + math.sin(angle) * length)
        bend = ((root[0] + tip[0]) / 2 + dice.uniform(-0.03, 0.03), (root[1] + tip[1]) / 2 - 0.02)
        twig = _curve(root, bend, tip, 8)
        ink.brush(twig, (0.011, 0.003), 235)
        for place in twig[2:]:
            if dice.random() < 0.34:
                _flower(accent, place, dice)
    for place in rough[4::2]:
        if dice.random() < 0.6:
            _flower(accent, (place[0], place[1] - 0.012), dice)


def _flower(accent: Stamp, centre: Point, dice: random.Random) -> None:
    radius = dice.uniform(0.007, 0.013)
    turn = dice.uniform(0, math.tau)
    for petal in range(5):
        angle = turn + petal * math.tau / 5
        place = (centre[0] + math.cos(angle) * radius, centre[1] + math.sin(angle) * radius)
        accent.dot(place, radius * 0.75, dice.choice([170, 200, 230]))
    accent.dot(centre, radius * 0.4, 255)


def draw_bamboo(ink: Stamp, _accent: Stamp, dice: random.Random) -> None:
    """Draw three canes of bamboo at the left that end in leaves, the nearest the darkest."""
    for number, tall in enumerate(dice.sample([0.98, 0.86, 0.72], 3)):
        foot = 0.05 + 0.11 * number + dice.uniform(-0.02, 0.02)
        lean = dice.uniform(0.04, 0.16)
        strength = 235 - 45 * number
        width = dice.uniform(0.014, 0.022)
        joints = [(foot + lean * (step / 8) ** 1.6, 1.02 - step * tall / 8.4) for step in range(9)]
        for step, (lower, upper) in enumerate(pairwise(joints)):
            gap = (upper[1] - lower[1]) * 0.04
            here = width * (1 - 0.085 * step)
            ink.brush([(lower[0], lower[1] + gap), (upper[0], upper[1] - gap)], (here, here), strength)
        for joint in [*joints[3:], joints[-1], joints[-1]]:
            _spray(ink, joint, dice, strength)


def _spray(ink: Stamp, joint: Point, dice: random.Random, strength: int) -> None:
    side = dice.choice([-1, 1, 1])
    tip = (joint[0] + side * dice.uniform(0.06, 0.16), joint[1] - dice.uniform(0.0, 0.06))
    ink.brush([joint, tip], (0.004, 0.002), strength)
    for _ in range(dice.randint(4, 7)):
        share = dice.uniform(0.35, 1.0)
        root = (joint[0] + (tip[0] - joint[0]) * share, joint[1] + (tip[1] - joint[1]) * share)
        angle = math.pi / 2 - side * dice.uniform(0.25, 1.25)
        _leaf(ink, root, angle, dice.uniform(0.07, 0.13), min(255, strength + dice.randint(-30, 20)))


def _leaf(ink: Stamp, root: Point, angle: float, length: float, strength: int) -> None:
    along, across = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
    outline = []
    for side, steps in ((1, range(7)), (-1, range(6, -1, -1))):
        for step in steps:
            t = step / 6
            width = side * 0.085 * length * math.sin(math.pi * t**0.7)
            outline.append(
                (
                    root[0] + along[0] * length * t + across[0] * width,
                    root[1] + along[1] * length * t + across[1] * width,
                )
            )
    ink.shape(outline, strength)


MOTIFS: Final[Mapping[str, Callable[[Stamp, Stamp, random.Random], None]]] = MappingProxyType(
    {"pine": draw_pine, "blossom": draw_blossom, "bamboo": draw_bamboo}
)


def draw_birds(stamp: Stamp, dice: random.Random) -> None:
    """Draw a few birds in a loose line, one unit wide and half a unit high."""
    x, y = 0.12, 0.34
    for _ in range(dice.randint(3, 6)):
        span = dice.uniform(0.055, 0.085)
        lift = span * dice.uniform(0.30, 0.55)
        stamp.brush(_curve((x - span, y - lift), (x - span * 0.35, y - lift * 1.1), (x, y), 6), (0.006, 0.014))
        stamp.brush(
            _curve((x, y), (x + span * 0.40, y - lift * 1.3), (x + span, y - lift * 0.8), 6), (0.014, 0.005)
        )
        x += dice.uniform(0.12, 0.19)
        y += dice.uniform(-0.09, 0.07)
        y = min(0.45, max(0.12, y))


def draw_boat(stamp: Stamp) -> None:
    """Draw a small boat with an awning and a figure; one unit wide, half a unit high."""
    stamp.shape([(0.02, 0.33), (0.16, 0.375), (0.80, 0.375), (0.98, 0.30), (0.86, 0.43), (0.16, 0.44)], 250)
    stamp.shape([*_curve((0.30, 0.375), (0.46, 0.13), (0.63, 0.375)), (0.30, 0.375)], 205)
    stamp.brush([(0.80, 0.37), (0.80, 0.25)], (0.045, 0.03), 250)
    stamp.shape([(0.745, 0.235), (0.80, 0.175), (0.855, 0.235)], 250)
    stamp.brush([(0.79, 0.27), (0.99, 0.06)], (0.008, 0.006), 220)
    stamp.brush([(0.05, 0.47), (0.95, 0.47)], (0.010, 0.006), 90)


def draw_pavilion(stamp: Stamp) -> None:
    """Draw a two-storeyed pavilion with upturned eaves; one unit wide and high."""
    for top, half in ((0.18, 0.26), (0.48, 0.38)):
        roof = _curve((0.5 - half, top + 0.20), (0.5 - half * 0.35, top + 0.16), (0.5, top))
        roof += _curve((0.5, top), (0.5 + half * 0.35, top + 0.16), (0.5 + half, top + 0.20))
        stamp.shape([*roof, (0.5 + half * 0.8, top + 0.225), (0.5 - half * 0.8, top + 0.225)], 250)
        for column in (-0.62, -0.22, 0.22, 0.62):
            x = 0.5 + column * half
            stamp.brush([(x, top + 0.21), (x, top + 0.36)], (0.022, 0.022), 225)
    stamp.brush([(0.5, 0.18), (0.5, 0.07)], (0.02, 0.01), 250)
    stamp.shape([(0.14, 0.84), (0.86, 0.84), (0.94, 0.92), (0.06, 0.92)], 230)


def draw_seal(stamp: Stamp, dice: random.Random) -> None:
    """Draw a square seal, one unit wide: a worn field with carved lines left free, after the seal script."""
    worn = [(0.04, 0.05), (0.5, 0.035), (0.96, 0.05), (0.965, 0.5), (0.955, 0.955), (0.5, 0.965), (0.045, 0.95)]
    stamp.shape([(x + dice.uniform(-0.012, 0.012), y + dice.uniform(-0.012, 0.012)) for x, y in worn], 238)
    for column in (0.17, 0.55):
        _carved(stamp, column, dice)
    for _ in range(9):
        stamp.dot((dice.uniform(0.03, 0.97), dice.choice([0.04, 0.96])), dice.uniform(0.006, 0.02), 0)


def _carved(stamp: Stamp, left: float, dice: random.Random) -> None:
    width, right = 0.036, left + 0.28
    rows = [0.17 + 0.11 * row for row in range(7)]
    for row in rows:
        inset = dice.choice([0.0, 0.0, 0.07])
        stamp.brush([(left + inset, row), (right - inset, row)], (width, width), 0)
    for upper, lower in pairwise(rows):
        x = dice.choice([left, right, left + 0.14])
        stamp.brush([(x, upper), (x, lower)], (width, width), 0)
