"""Pictures in another file format, for clients that named one and were made another."""

from __future__ import annotations

import io

from PIL import Image

from danqing_server.assets.inspection import open_picture
from danqing_server.errors import PictureRejected

__all__ = ["FORMATS", "converted"]

FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
QUALITY = 95
_OPAQUE = ("RGB", "L")


def converted(body: bytes, wanted: str, *, max_pixels: int) -> bytes:
    """Return the picture *body* in the format *wanted*, one of `FORMATS`. Blocks, and needs it decoded in memory.

    Where the format has no transparency, what is transparent becomes white.

    Raises:
        PictureRejected: it cannot be decoded.
    """
    with io.BytesIO(body) as file, io.BytesIO() as made:
        picture: Image.Image = open_picture(file, max_pixels=max_pixels)
        try:
            picture.load()
            _fit(picture, wanted).save(made, FORMATS[wanted], quality=QUALITY)
        except (OSError, ValueError, SyntaxError) as error:
            raise PictureRejected(str(error), code="not_a_picture") from error
        return made.getvalue()


def _fit(picture: Image.Image, wanted: str) -> Image.Image:
    if wanted != "jpeg":
        return picture if picture.mode in ("RGB", "RGBA", "L") else picture.convert("RGBA")
    if picture.mode in _OPAQUE:
        return picture
    layers = picture.convert("RGBA")
    flat = Image.new("RGB", layers.size, (255, 255, 255))
    flat.paste(layers, mask=layers.getchannel("A"))
    return flat
