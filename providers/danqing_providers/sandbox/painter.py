"""The painter: an ink landscape of exactly the asked size, the same for the same commission.

The wash is painted small and scaled up; the motifs, the seal and the paper's grain are drawn at full size. Nothing
depends on the process, the clock or the platform's random numbers.
"""

from __future__ import annotations

import hashlib
import io
import math
import random
from typing import Final

import attrs
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from danqing_providers.sandbox import motifs
from danqing_providers.sandbox.glyphs import add_watermark
from danqing_providers.sandbox.landscape import Scene, arrange, paint_wash
from danqing_providers.sandbox.palette import Color, Palette, blend, choose_motif, choose_palette, tinted

__all__ = ["Commission", "draw", "encode", "paint"]

_WASH_PIXELS: Final = 900_000
_TILE: Final = 512
_SEAL_RED: Final = (178, 42, 34)
_PNG_LEVEL: Final = 1
_JPEG_QUALITY: Final = 88
_MOST_INSETS: Final = 3


@attrs.frozen(kw_only=True)
class Commission:
    """What is to be painted.

    `output_format` is `jpeg`, `png` or `webp`. `references` are the previews of the reference pictures, as JPEG;
    `tokens` name all of them, also those without a preview, and steer the picture. `cutout` is the part that is not
    transparent, as shares of width and height (left, top, right, bottom); None for the whole.
    """

    prompt: str
    width: int
    height: int
    seed: int | None = None
    index: int = 0
    output_format: str = "jpeg"
    watermark: bool = True
    cutout: tuple[float, float, float, float] | None = None
    tokens: tuple[str, ...] = ()
    references: tuple[bytes, ...] = attrs.field(default=(), repr=False)

    def dice(self) -> random.Random:
        """Return the random numbers of this picture: by prompt, seed, index and references."""
        text = "\x00".join([self.prompt, str(self.seed), str(self.index), *self.tokens])
        return random.Random(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())


def paint(commission: Commission) -> bytes:
    """Return the encoded picture. Takes CPU for a part of a second: call it in a thread."""
    image = draw(commission)
    if commission.cutout is not None:
        image.putalpha(_oval(image.size, commission.cutout))
    return encode(image, commission.output_format)


def _oval(size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    """Return a mask of *size* that shows an oval in *box*, soft at its edge, and nothing outside."""
    (width, height), (left, top, right, bottom) = size, box
    corner = (round(left * width), round(top * height))
    oval = Image.new("L", (round((right - left) * width), round((bottom - top) * height)))
    soft = max(1, min(oval.size) // 16)
    ImageDraw.Draw(oval).ellipse((soft, soft, oval.width - soft - 1, oval.height - soft - 1), fill=255)
    mask = Image.new("L", size)
    mask.paste(oval.filter(ImageFilter.GaussianBlur(soft / 3)), corner)
    return mask


def encode(image: Image.Image, output_format: str) -> bytes:
    """Return *image* as `png`, `webp` or else `jpeg`."""
    buffer = io.BytesIO()
    if output_format == "png":
        image.save(buffer, "PNG", compress_level=_PNG_LEVEL)
    elif output_format == "webp":
        image.save(buffer, "WEBP", quality=_JPEG_QUALITY, method=0)
    else:
        image.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def draw(commission: Commission) -> Image.Image:
    """Return the picture, RGB, of the asked size."""
    dice = commission.dice()
    insets = [Image.open(io.BytesIO(content)).convert("RGB") for content in commission.references[:_MOST_INSETS]]
    palette = choose_palette(commission.prompt, dice)
    if insets:
        palette = tinted(palette, _mean_color(insets[0]))
    motif = choose_motif(commission.prompt, dice)
    scene = arrange(palette, dice, commission.width / commission.height)
    size = (commission.width, commission.height)
    wash = paint_wash(palette, scene, dice, _wash_size(size))
    image = wash.resize(size, Image.Resampling.BICUBIC)
    _add_details(image, palette, scene, dice)
    _add_motif(image, palette, motif, dice, mirrored=scene.disc[0] < 0.5)
    _add_insets(image, insets, on_left=scene.disc[0] >= 0.5)
    image = _on_paper(image, dice, dark=palette.night)
    _add_seal(image, dice, mirrored=scene.disc[0] < 0.5)
    if commission.watermark:
        add_watermark(image)
    return image


def _wash_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, math.sqrt(_WASH_PIXELS / (size[0] * size[1])))
    return max(16, round(size[0] * scale)), max(16, round(size[1] * scale))


def _mean_color(image: Image.Image) -> Color:
    red, green, blue = image.resize((1, 1), Image.Resampling.BOX).tobytes()
    return red, green, blue


def _add_details(image: Image.Image, palette: Palette, scene: Scene, dice: random.Random) -> None:
    width, height = image.size
    unit = min(width, height)
    ink = blend(palette.near, (20, 20, 24), 0.4)
    if not palette.night:
        flock = round(unit * dice.uniform(0.14, 0.20))
        birds = motifs.Stamp(flock, flock // 2)
        motifs.draw_birds(birds, dice)
        x = scene.disc[0] + (0.14 if scene.disc[0] < 0.5 else -0.14 - flock / width)
        birds.paste(image, blend(ink, palette.far, 0.15), (round(x * width), round(scene.disc[1] * height)))
    _add_pavilion(image, palette, scene, dice, round(unit * 0.055))
    if scene.shore is not None:
        length = round(unit * dice.uniform(0.075, 0.11))
        boat = motifs.Stamp(length, length // 2)
        motifs.draw_boat(boat)
        row = scene.shore + (1 - scene.shore) * dice.uniform(0.34, 0.62)
        boat.paste(image, ink, (round(width * dice.uniform(0.40, 0.60)), round(height * row) - length // 2))


def _add_pavilion(image: Image.Image, palette: Palette, scene: Scene, dice: random.Random, side: int) -> None:
    ridge = scene.ridges[len(scene.ridges) // 2]
    points = len(ridge.skyline)
    window = range(round(points * 0.2), round(points * 0.8))
    peak = min(window, key=lambda point: ridge.skyline[point])
    pavilion = motifs.Stamp(side, side)
    motifs.draw_pavilion(pavilion)
    x = round(peak / (points - 1) * image.width) - side // 2
    y = round(ridge.skyline[peak] * image.height) - round(side * 0.86)
    if dice.random() < 0.75:
        pavilion.paste(image, blend(ridge.color, palette.near, 0.45), (x, y))


def _add_motif(image: Image.Image, palette: Palette, motif: str, dice: random.Random, *, mirrored: bool) -> None:
    width, height = image.size
    side = round(min(width * 0.62, height * 0.62))
    ink, accent = motifs.Stamp(side, side), motifs.Stamp(side, side)
    motifs.MOTIFS[motif](ink, accent, dice)
    # Opposite the sun, so that the two balance.
    right = mirrored
    left = width - side if right else 0
    top = 0 if motif == "blossom" else height - side
    ink.paste(image, blend(palette.near, (12, 12, 16), 0.55), (left, top), mirrored=right)
    accent.paste(image, palette.accent, (left, top), mirrored=right)


def _add_insets(image: Image.Image, insets: list[Image.Image], *, on_left: bool) -> None:
    """Hang the references, on toned silk, as album leaves opposite the motif."""
    unit = min(image.size)
    top = round(unit * 0.06)
    for inset in insets:
        leaf = _album_leaf(inset, round(unit * 0.30))
        left = round(unit * 0.06) if on_left else image.width - leaf.width - round(unit * 0.06)
        shadow = Image.new("L", leaf.size, 110).filter(ImageFilter.GaussianBlur(unit / 160))
        drop = round(unit * 0.006)
        image.paste(Image.new("RGB", leaf.size, (30, 28, 26)), (left + drop, top + drop), shadow)
        image.paste(leaf, (left, top))
        top += leaf.height + round(unit * 0.03)


def _album_leaf(inset: Image.Image, longest: int) -> Image.Image:
    scale = longest / max(inset.size)
    size = (max(1, round(inset.width * scale)), max(1, round(inset.height * scale)))
    toned = ImageChops.multiply(
        inset.resize(size, Image.Resampling.LANCZOS), Image.new("RGB", size, (250, 243, 226))
    )
    border = max(2, longest // 26)
    leaf = Image.new("RGB", (size[0] + 2 * border, size[1] + 2 * border), (236, 226, 200))
    leaf.paste(toned, (border, border))
    edge = (0, 0, leaf.width - 1, leaf.height - 1)
    ImageDraw.Draw(leaf).rectangle(edge, outline=(150, 128, 92), width=max(1, border // 8))
    return leaf


def _on_paper(image: Image.Image, dice: random.Random, *, dark: bool) -> Image.Image:
    """Return *image* on rough paper: one small tile of grain, repeated."""
    low = 240 if dark else 243
    noise = Image.frombytes("L", (_TILE, _TILE), dice.randbytes(_TILE * _TILE)).filter(
        ImageFilter.GaussianBlur(0.9)
    )
    tile = noise.point([min(255, max(low, round(249 + (value - 128) * 0.22))) for value in range(256)])
    paper = Image.new("L", image.size)
    for left in range(0, image.width, _TILE):
        for top in range(0, image.height, _TILE):
            paper.paste(tile, (left, top))
    return ImageChops.multiply(image, Image.merge("RGB", (paper, paper, paper)))


def _add_seal(image: Image.Image, dice: random.Random, *, mirrored: bool) -> None:
    unit = min(image.size)
    side = max(24, round(unit * 0.055))
    seal = motifs.Stamp(side, side)
    motifs.draw_seal(seal, dice)
    margin = round(unit * 0.045)
    left = margin if mirrored else image.width - side - margin
    # Above the watermark's corner.
    top = image.height - side - round(unit * 0.085)
    seal.paste(image, _SEAL_RED, (left, top))
