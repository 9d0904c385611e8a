"""Small pictures of stored ones: made when first asked for, or from the decode that checks a picture.

`docs/decisions/0030` has what either costs.
"""

from __future__ import annotations

import io

import attrs
from PIL import Image

__all__ = ["AT_ONCE_WIDTH", "WIDTHS", "Shrunk", "decoded_size", "plain", "shrink", "turned"]

WIDTHS = (256, 512, 1024)
AT_ONCE_WIDTH = 512
QUALITY, EFFORT = 80, 1  # of 6; with 2 it takes half as much time again, and looks no better

_ORIENTATION = 0x0112  # of Exif: how the camera was held
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PLAIN = ("RGB", "RGBA", "L")
_WIDE = ("I;16", "I;16B", "I;16L", "I", "F")


@attrs.frozen(kw_only=True)
class Shrunk:
    """A WebP, at most `width` pixels wide and high. `colour` is the mean of what is seen, as `#rrggbb`."""

    width: int
    colour: str
    body: bytes = attrs.field(repr=False)


def decoded_size(size: tuple[int, int], width: int) -> tuple[int, int]:
    """Return how small a picture of *size* may be decoded for a thumbnail of *width*."""
    scale = min(1.0, width / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def shrink(picture: Image.Image, width: int) -> Shrunk:
    """Return a decoded picture, itself untouched, within *width* by *width* pixels, upright; none is enlarged."""
    full = plain(picture) if picture.mode in ("1", "P") else picture
    small = full.resize(decoded_size(full.size, width), Image.Resampling.BICUBIC, reducing_gap=2.0)
    upright = turned(plain(small), picture)
    with io.BytesIO() as file:
        upright.save(file, "WEBP", quality=QUALITY, method=EFFORT)
        return Shrunk(width=width, colour=_mean(upright), body=file.getvalue())


def turned(made: Image.Image, picture: Image.Image) -> Image.Image:
    """Return *made*, which was made of *picture*, upright as that one's Exif data have it.

    Pillow's own `exif_transpose` writes all of those data anew, and raises whatever comes of a tag that is odd.
    """
    turn = _TURNS.get(picture.getexif().get(_ORIENTATION, 1))
    return made if turn is None else made.transpose(turn)


def _mean(small: Image.Image) -> str:
    """Return the mean colour of a small picture; what is not seen of it does not count."""
    red, green, blue, _ = small.resize((1, 1), Image.Resampling.BOX).convert("RGBA").tobytes()
    return f"#{red:02x}{green:02x}{blue:02x}"


def plain(small: Image.Image) -> Image.Image:
    """Return a picture in a mode that every format has; 16 bits of grey become 8."""
    if small.mode in _PLAIN:
        return small
    if small.mode in _WIDE:
        return small.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    return small.convert("RGBA" if small.has_transparency_data else "RGB")
