"""The wash under the picture: sky, sun or moon, ridges in mist, water. Painted small and scaled up.

All masks are 8-bit: 0 leaves the paper, 255 covers it. Heights are in pixels from the top.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Final

import attrs
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from danqing_providers.sandbox.palette import Color, Palette, blend

__all__ = ["Ridge", "Scene", "arrange", "paint_wash"]

_SUPERSAMPLE: Final = 2
_POINTS: Final = 360


@attrs.frozen(kw_only=True)
class Ridge:
    """One range of mountains: its skyline as fractions of the height, its ink, and how far the ink runs down."""

    skyline: tuple[float, ...]
    color: Color
    strength: float
    fade: float


@attrs.frozen(kw_only=True)
class Scene:
    """Where everything is, in fractions of width and height; `shore` is None without water."""

    ridges: tuple[Ridge, ...]
    disc: tuple[float, float, float]
    shore: float | None
    mists: tuple[tuple[float, float, float, float], ...]


def _noise(dice: random.Random, knots: int) -> Callable[[float], float]:
    """Return a smooth function on 0..1 with values in 0..1."""
    values = [dice.random() for _ in range(knots + 2)]

    def at(place: float) -> float:
        index, rest = divmod(place * knots, 1)
        smooth = rest * rest * (3 - 2 * rest)
        first, second = values[int(index)], values[int(index) + 1]
        return first + (second - first) * smooth

    return at


def _range_skyline(dice: random.Random, width_ratio: float, rough: float) -> list[float]:
    octaves = [(_noise(dice, max(2, round(2.2 * width_ratio * 2**octave))), 0.5**octave) for octave in range(6)]
    skyline = []
    for point in range(_POINTS + 1):
        place = point / _POINTS * 0.999
        height = 0.0
        for octave, (noise, weight) in enumerate(octaves):
            value = noise(place)
            crag = 1 - abs(2 * value - 1)
            height += weight * (crag if octave in (1, 2) else value) * (rough if octave > 2 else 1)
        skyline.append(height / 1.7)
    return skyline


def _karst_skyline(dice: random.Random, width_ratio: float, rough: float) -> list[float]:
    """Return steep lone peaks, as on the river Li."""
    peaks = [
        (dice.uniform(-0.05, 1.05), dice.uniform(0.05, 0.13) / math.sqrt(width_ratio), dice.uniform(0.35, 1.0))
        for _ in range(round(5 * max(1.0, width_ratio)))
    ]
    grain, base = _noise(dice, 90), _noise(dice, 7)
    skyline = []
    for point in range(_POINTS + 1):
        place = point / _POINTS * 0.999
        heights = [tall * math.exp(-(abs((place - centre) / wide) ** 2.6)) for centre, wide, tall in peaks]
        skyline.append(max(heights) * 0.85 + 0.12 * base(place) + 0.05 * rough * grain(place))
    return skyline


def arrange(palette: Palette, dice: random.Random, ratio: float) -> Scene:
    """Return a scene for a picture of *ratio* (width over height)."""
    tall = ratio < 0.9
    shore = dice.uniform(0.76, 0.84) if dice.random() < 0.8 else None
    floor = shore if shore is not None else 1.0
    count = dice.choice([4, 5, 5, 6]) + (1 if tall else 0)
    top = dice.uniform(0.30, 0.38) if not tall else dice.uniform(0.24, 0.32)
    ridges = [_ridge(palette, dice, ratio, number, count, top, floor) for number in range(count)]
    side = dice.choice([dice.uniform(0.16, 0.36), dice.uniform(0.64, 0.84)])
    disc = (side, dice.uniform(0.15, 0.27) * (0.9 if tall else 1), dice.uniform(0.045, 0.075))
    mists = [
        (
            dice.uniform(0, 1),
            top + (floor - top) * dice.uniform(0.3, 0.95),
            dice.uniform(0.25, 0.6),
            dice.uniform(0.02, 0.06),
        )
        for _ in range(7)
    ]
    return Scene(ridges=tuple(ridges), disc=disc, shore=shore, mists=tuple(mists))


def _ridge(
    palette: Palette, dice: random.Random, ratio: float, number: int, count: int, top: float, floor: float
) -> Ridge:
    depth = number / (count - 1)
    draw = _karst_skyline if dice.random() < 0.45 else _range_skyline
    shape = draw(dice, max(0.6, ratio), 0.5 + 0.6 * depth)
    base = top + (floor - top) * (0.35 + 0.65 * depth**1.15)
    rise = (base - top) * dice.uniform(0.75, 1.15) * (1 - 0.55 * depth) + 0.07
    slope = dice.uniform(-0.10, 0.10) * (1 - depth)
    lean = dice.choice([-1, 1]) * (0.13 if number == count - 1 else 0.05) * dice.random()
    skyline = []
    for point, height in enumerate(shape):
        place = point / _POINTS - 0.5
        skyline.append(base - rise * height + (slope + lean) * place)
    return Ridge(
        skyline=tuple(skyline),
        color=blend(palette.far, palette.near, depth**1.35),
        strength=0.55 + 0.42 * depth,
        fade=(0.10 + 0.05 * dice.random()) * (1.1 - 0.35 * depth),
    )


def _ridge_mask(skyline: Sequence[float], size: tuple[int, int]) -> Image.Image:
    """Return the mask of everything below *skyline*, without smoothing."""
    width, height = size
    step = width / (len(skyline) - 1)
    points = [(number * step, place * height) for number, place in enumerate(skyline)]
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).polygon([*points, (width, height), (0, height)], fill=255)
    return mask


def _gradient(colors: Sequence[Color], size: tuple[int, int]) -> Image.Image:
    strip = Image.new("RGB", (1, len(colors)))
    strip.putdata(list(colors))
    # Bicubic between the centres of the first and the last pixel, so that the ends are the colours themselves.
    box = (0, 0.5, 1, len(colors) - 0.5)
    return strip.resize((1, size[1]), Image.Resampling.BICUBIC, box=box).resize(size, Image.Resampling.NEAREST)


def _grain(dice: random.Random, cells: tuple[int, int], size: tuple[int, int], low: int, high: int) -> Image.Image:
    """Return smooth noise with values in *low*..*high*; *cells* says how fine it is each way."""
    noise = Image.frombytes("L", cells, dice.randbytes(cells[0] * cells[1]))
    table = [low + (high - low) * value // 255 for value in range(256)]
    return noise.point(table).resize(size, Image.Resampling.BICUBIC)


def paint_wash(palette: Palette, scene: Scene, dice: random.Random, size: tuple[int, int]) -> Image.Image:
    """Return *scene* painted at *size*, RGB."""
    image = _gradient(palette.sky, size)
    _add_clouds(image, palette, dice)
    _add_disc(image, palette, scene)
    for number, ridge in enumerate(scene.ridges):
        _add_ridge(image, ridge, palette, dice)
        if number < len(scene.ridges) - 1:
            _add_mist(image, scene.mists[number % len(scene.mists)], palette)
    if scene.shore is not None:
        _add_water(image, scene.shore, palette, dice)
    return image


def _add_clouds(image: Image.Image, palette: Palette, dice: random.Random) -> None:
    small = (max(8, image.width // 8), max(8, image.height // 8))
    clouds = _grain(dice, (5, 9), small, 0, 255)
    finer = _grain(dice, (12, 26), small, 40, 255)
    mask = ImageChops.multiply(clouds, finer).point([max(0, value - 70) * 150 // 185 for value in range(256)])
    image.paste(palette.mist, mask=mask.resize(image.size, Image.Resampling.BICUBIC))


def _add_disc(image: Image.Image, palette: Palette, scene: Scene) -> None:
    x, y, share = scene.disc
    radius = share * min(image.size) * (0.85 if palette.night else 1.0)
    centre = (x * image.width, y * image.height)
    halo = round(radius * (6 if palette.night else 5))
    # Pillow's gradient is 181 of 255 at the middle of each side: what lies beyond it would show the square.
    table = [round(110 * (max(0, 181 - value) / 181) ** 2) for value in range(256)]
    glow = Image.radial_gradient("L").point(table)
    color = blend(palette.disc, palette.mist, 0.25 if palette.night else 0.35)
    corner = (round(centre[0]) - halo, round(centre[1]) - halo)
    _paste_clipped(image, color, glow.resize((2 * halo, 2 * halo), Image.Resampling.BICUBIC), corner)
    side = math.ceil(radius) * 2 + 4
    disc = Image.new("L", (side * 4, side * 4))
    edge = (side / 2 - radius) * 4
    ImageDraw.Draw(disc).ellipse((edge, edge, side * 4 - edge, side * 4 - edge), fill=235)
    corner = (round(centre[0] - side / 2), round(centre[1] - side / 2))
    _paste_clipped(image, palette.disc, disc.reduce(4), corner)


def _paste_clipped(image: Image.Image, color: Color, mask: Image.Image, corner: tuple[int, int]) -> None:
    # Pillow clips a paste with a mask only when colour and mask are images of one size.
    image.paste(Image.new("RGB", mask.size, color), corner, mask)


def _add_ridge(image: Image.Image, ridge: Ridge, palette: Palette, dice: random.Random) -> None:
    size = image.size
    fine = _ridge_mask(ridge.skyline, (size[0] * _SUPERSAMPLE, size[1] * _SUPERSAMPLE)).reduce(_SUPERSAMPLE)
    mask = ImageChops.multiply(fine, _fading(fine, ridge))
    streaks = _grain(dice, (max(24, size[0] // 7), max(8, size[1] // 44)), size, 178, 255)
    patches = _grain(dice, (14, 10), size, 190, 255)
    mask = ImageChops.multiply(mask, ImageChops.multiply(streaks, patches))
    image.paste(blend(ridge.color, palette.mist, 0.55), mask=fine.point([value * 5 // 12 for value in range(256)]))
    image.paste(ridge.color, mask=mask)


def _fading(mask: Image.Image, ridge: Ridge) -> Image.Image:
    """Return the ink's strength: full along the skyline, thin where the mist lies below."""
    small = mask.reduce(4)
    reach = max(1.0, ridge.fade * small.height)
    inside = small.filter(ImageFilter.GaussianBlur(reach))
    lowered = Image.new("L", small.size)
    lowered.paste(inside, (0, round(reach * 0.9)))
    thin, full = 0.16, ridge.strength
    table = [round(255 * (full - (full - thin) * (value / 255) ** 0.8)) for value in range(256)]
    return lowered.point(table).resize(mask.size, Image.Resampling.BICUBIC)


def _add_mist(image: Image.Image, mist: tuple[float, float, float, float], palette: Palette) -> None:
    x, y, wide, high = mist
    small = Image.new("L", (max(16, image.width // 8), max(16, image.height // 8)))
    width, height = small.size
    box = ((x - wide) * width, (y - high) * height, (x + wide) * width, (y + high) * height)
    ImageDraw.Draw(small).ellipse(box, fill=170)
    soft = small.filter(ImageFilter.GaussianBlur(max(2.0, high * height * 0.8)))
    image.paste(palette.mist, mask=soft.resize(image.size, Image.Resampling.BICUBIC))


def _add_water(image: Image.Image, shore: float, palette: Palette, dice: random.Random) -> None:
    width, height = image.size
    top = round(shore * height)
    depth = height - top
    water = _gradient(
        [blend(palette.water, palette.mist, 0.6), palette.water, blend(palette.water, palette.near, 0.12)],
        (width, depth),
    )
    mirrored = image.crop((0, max(0, top - depth), width, top)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    mirrored = mirrored.resize((max(1, width // 6), max(1, depth // 14)), Image.Resampling.BOX)
    mirrored = mirrored.resize((width, depth), Image.Resampling.BICUBIC)
    ripples = _grain(dice, (max(4, width // 90), max(12, depth // 3)), (width, depth), 70, 150)
    water = Image.composite(mirrored, water, ripples)
    edge = Image.new("L", (1, depth), 255)
    edge.putdata([min(255, 60 + 30 * row * 220 // max(1, depth)) for row in range(depth)])
    image.paste(water, (0, top), edge.resize((width, depth)))
