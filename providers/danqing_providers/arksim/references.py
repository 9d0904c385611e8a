"""Reference images: data URIs are decoded and checked, URLs are checked for their form and never fetched.

Limits: Volcengine documentation 82379/1541523, read 2026-11-23. The sentences are guesses where the live service's
are not on record.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import struct
from urllib.parse import urlsplit

import attrs
from PIL import Image, ImageOps

from danqing_providers.arksim.refusals import Refusal, invalid

__all__ = ["Reference", "read_reference"]

_DATA_URI = re.compile(r"data:image/([a-z0-9.+-]+);base64,")
_DECODED = {"JPEG", "MPO", "PNG", "WEBP", "BMP", "TIFF", "GIF"}
_NAMES = frozenset({"jpeg", "jpg", "png", "webp", "bmp", "tiff", "gif", "heic", "heif"})
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"heif")
_MAX_BYTES = 30 * 1024 * 1024
_MAX_PIXELS = 36_000_000
_MIN_SIDE = 15
_THUMBNAIL_SIDE = 512


@attrs.frozen(kw_only=True)
class Reference:
    """One reference image. `thumbnail` is a small JPEG, empty for what was not decoded (URLs and HEIF).

    `name` stands for the picture where there is no thumbnail. `ratio` is width/height, None when unknown.
    """

    name: str
    url: str = ""
    ratio: float | None = None
    thumbnail: bytes = b""


def read_reference(raw: str, max_ratio: int) -> Reference:
    """Check one reference; decodes, so call it in a thread.

    Raises:
        Refusal: it is no picture Ark accepts.
    """
    if not raw.strip():
        raise Refusal(
            400, "InvalidImageURL.EmptyURL", "The request failed because the image URL is empty.", param="image"
        )
    if raw.startswith("data:"):
        return _read_data(raw, max_ratio)
    try:
        parts = urlsplit(raw)
        well_formed = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well_formed = False
    if not well_formed or any(character.isspace() for character in raw):
        raise _wrong_form("the image must be an http(s) URL or a data URI")
    return Reference(name=raw, url=raw)


def _read_data(raw: str, max_ratio: int) -> Reference:
    head = _DATA_URI.match(raw)
    if head is None:
        raise _wrong_form("a data URI must begin with data:image/<format in lower case>;base64,")
    if head[1] not in _NAMES:
        raise _unsupported(head[1])
    try:
        data = base64.b64decode(raw[head.end() :], validate=True)
    except binascii.Error:
        raise _wrong_form("the data URI's base64 cannot be decoded") from None
    if len(data) > _MAX_BYTES:
        raise _oversized(f"the image has {len(data)} bytes, at most {_MAX_BYTES} are allowed")
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return Reference(name=str(len(data)))
    return _decode(data, max_ratio)


def _decode(data: bytes, max_ratio: int) -> Reference:
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.format not in _DECODED:
                raise _unsupported(str(image.format))
            _check_shape(*image.size, max_ratio)
            image.load()
            small = ImageOps.exif_transpose(image).convert("RGB")
            small.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _oversized(f"an image must not have more than {_MAX_PIXELS} pixels") from None
    except (OSError, ValueError, SyntaxError, EOFError, struct.error):
        raise _unsupported("unreadable") from None
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return Reference(name=str(len(data)), ratio=image.width / image.height, thumbnail=buffer.getvalue())


def _check_shape(width: int, height: int, max_ratio: int) -> None:
    if min(width, height) < _MIN_SIDE:
        raise invalid("image", f"each side must be longer than {_MIN_SIDE - 1} pixels, got {width}x{height}")
    if width * height > _MAX_PIXELS:
        raise _oversized(f"an image must not have more than {_MAX_PIXELS} pixels, got {width}x{height}")
    if max(width, height) > max_ratio * min(width, height):
        raise invalid("image", f"aspect ratio must be between 1/{max_ratio} and {max_ratio}")


def _wrong_form(reason: str) -> Refusal:
    return Refusal(400, "InvalidImageURL.InvalidFormat", f"The image URL is not valid: {reason}.", param="image")


def _unsupported(format_: str) -> Refusal:
    message = (
        f"The parameter `image` specified in the request is not valid: unsupported image format: {format_[:20]}."
    )
    return Refusal(400, "InvalidParameter.UnsupportedImageFormat", message, param="image")


def _oversized(reason: str) -> Refusal:
    message = f"The parameter `image` specified in the request is not valid: {reason}."
    return Refusal(400, "InvalidParameter.OversizedImage", message, param="image")
