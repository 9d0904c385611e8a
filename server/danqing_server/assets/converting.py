"""Pictures in another file format, for clients that named one and were made another."""

from __future__ import annotations

import io

from PIL import Image

from danqing_server.assets.inspection import open_picture
from danqing_server.assets.thumbnails import plain, turned
from danqing_server.errors import PictureRejected

__all__ = ["FORMATS", "converted"]

FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
QUALITY = 95
_SPACES = {"RGB": b"RGB ", "RGBA": b"RGB ", "L": b"GRAY"}


def converted(body: bytes, wanted: str, *, max_pixels: int) -> bytes:
    """Return the picture *body* in the format *wanted*, one of `FORMATS`. Blocks, and needs it decoded in memory.

    It looks as it did: upright where its Exif data turn it, with its colour profile. Where the format has no
    transparency, what is transparent becomes white.

    Raises:
        PictureRejected: it cannot be decoded.
    """
    with io.BytesIO(body) as file, io.BytesIO() as made:
        picture: Image.Image = open_picture(file, max_pixels=max_pixels)
        try:
            picture.load()
            fit = _fit(turned(plain(picture), picture), wanted)
            fit.save(made, FORMATS[wanted], quality=QUALITY, icc_profile=_profile_of(picture, fit.mode))
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders raise anything on damaged bytes, AVIF's RuntimeError
            raise PictureRejected(str(error), code="not_a_picture") from error
        return made.getvalue()


def _fit(picture: Image.Image, wanted: str) -> Image.Image:
    if wanted != "jpeg" or picture.mode != "RGBA":
        return picture
    flat = Image.new("RGB", picture.size, (255, 255, 255))
    flat.paste(picture, mask=picture.getchannel("A"))
    return flat


def _profile_of(picture: Image.Image, mode: str) -> bytes | None:
    """Return the profile that says what its colours mean; None where it is of others than now, as of inks."""
    profile: bytes | None = picture.info.get("icc_profile")
    return profile if profile is not None and profile[16:20] == _SPACES[mode] else None
