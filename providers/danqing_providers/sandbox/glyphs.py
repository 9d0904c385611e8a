"""The watermark "AI生成", drawn from strokes: no font with Chinese glyphs can be assumed on the machine."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from PIL import Image, ImageDraw

__all__ = ["WATERMARK", "add_watermark"]

Stroke = tuple[tuple[float, float], ...]

WATERMARK: Final = "AI生成"

_STROKES: Final[Mapping[str, tuple[float, tuple[Stroke, ...]]]] = MappingProxyType(
    {
        "A": (0.68, (((0.04, 0.92), (0.34, 0.12), (0.64, 0.92)), ((0.15, 0.64), (0.53, 0.64)))),
        "I": (0.30, (((0.15, 0.12), (0.15, 0.92)),)),
        "生": (
            1.0,
            (
                ((0.30, 0.08), (0.25, 0.24), (0.15, 0.42)),
                ((0.24, 0.29), (0.86, 0.29)),
                ((0.54, 0.05), (0.54, 0.90)),
                ((0.22, 0.58), (0.84, 0.58)),
                ((0.08, 0.91), (0.94, 0.91)),
            ),
        ),
        "成": (
            1.0,
            (
                ((0.18, 0.24), (0.92, 0.24)),
                ((0.18, 0.24), (0.18, 0.54), (0.14, 0.76), (0.05, 0.92)),
                ((0.19, 0.48), (0.44, 0.48), (0.42, 0.74), (0.38, 0.80), (0.28, 0.77)),
                ((0.56, 0.05), (0.59, 0.36), (0.67, 0.64), (0.79, 0.84), (0.91, 0.93), (0.94, 0.76)),
                ((0.84, 0.42), (0.74, 0.64), (0.58, 0.82), (0.44, 0.92)),
                ((0.71, 0.06), (0.82, 0.15)),
            ),
        ),
    }
)
"""For each character its advance and its strokes, in a box of 1 x 1."""

_SUPERSAMPLE: Final = 4
_GAP: Final = 0.14


def _text_mask(text: str, height: int) -> Image.Image:
    """Return *text* as an 8-bit mask, *height* pixels high plus a margin for the strokes' width."""
    side = height * _SUPERSAMPLE
    thickness = max(2, round(side * 0.085))
    margin = thickness
    width = sum(_STROKES[character][0] + _GAP for character in text) * side
    mask = Image.new("L", (round(width) + 2 * margin, side + 2 * margin))
    draw = ImageDraw.Draw(mask)
    left = float(margin)
    for character in text:
        advance, strokes = _STROKES[character]
        for stroke in strokes:
            points = [(left + x * side, margin + y * side) for x, y in stroke]
            draw.line(points, fill=255, width=thickness, joint="curve")
            for x, y in (points[0], points[-1]):
                reach = thickness / 2
                draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
        left += (advance + _GAP) * side
    return mask.reduce(_SUPERSAMPLE)


def add_watermark(image: Image.Image) -> None:
    """Draw the watermark on *image*, bottom right: half transparent white over a faint shadow."""
    height = max(12, round(min(image.size) * 0.024))
    mask = _text_mask(WATERMARK, height)
    margin = round(height * 0.9)
    corner = (image.width - mask.width - margin, image.height - mask.height - margin)
    drop = max(1, height // 14)
    shadow = Image.new("RGB", mask.size, (20, 20, 20))
    image.paste(
        shadow, (corner[0] + drop, corner[1] + drop), mask.point([value * 90 // 255 for value in range(256)])
    )
    light = Image.new("RGB", mask.size, (255, 255, 255))
    image.paste(light, corner, mask.point([value * 175 // 255 for value in range(256)]))
