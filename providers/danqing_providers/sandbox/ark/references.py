"""Reference pictures: what Ark takes, checked on the real bytes.

Data URIs are decoded and their pictures measured. Other `http(s)` URLs are accepted when they are well-formed and
are **never fetched**: the sandbox makes no outgoing request at all. A URL of the sandbox's own (one of its result
links) is resolved in place by the caller.

Source: volcengine.com/docs/82379/1541523, read 2026-11-23.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from typing import Final, Protocol
from urllib.parse import urlsplit

from PIL import Image, UnidentifiedImageError

from danqing_providers.sandbox.ark.errors import ArkError, invalid_parameter
from danqing_providers.sandbox.references import Reference, is_transparent, thumbnail

__all__ = ["TakesPictures", "inspect_reference"]

_MOST_BYTES: Final = 30 * 1024 * 1024
_MOST_PIXELS: Final = 36_000_000
_DATA_URI: Final = re.compile(r"data:image/([A-Za-z0-9.+-]+);base64,(.*)", re.DOTALL)
_APPLE_BRANDS: Final = (b"heic", b"heix", b"mif1", b"msf1", b"hevc")
_PILLOW_NAMES: Final = {
    "jpeg": "JPEG",
    "jpg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "bmp": "BMP",
    "tiff": "TIFF",
} | {"gif": "GIF"}


class TakesPictures(Protocol):
    """What a model says of the pictures that it takes.

    `reference_sides` is what each side must be greater than, and its most. `reference_ratio` is the most that one
    side may be longer than the other.
    """

    @property
    def reference_formats(self) -> frozenset[str]:
        """The formats, in lower case."""

    @property
    def reference_ratio(self) -> float:
        """Said above."""

    @property
    def reference_sides(self) -> tuple[int, int]:
        """Said above."""


def inspect_reference(model: TakesPictures, text: str) -> Reference:
    """Return what *text*, a URL or a data URI, refers to. Blocks while decoding. Raises: ArkError 400."""
    if not text.strip():
        raise invalid_parameter("image", "the image URL is empty", code="InvalidImageURL.EmptyURL")
    if text[:5].lower() == "data:":
        return _from_data_uri(model, text)
    return _from_url(text)


def _from_url(text: str) -> Reference:
    wrong = invalid_parameter("image", "invalid url specified", code="InvalidImageURL.InvalidFormat")
    try:
        parts = urlsplit(text)
        port_is_legal = parts.port is None or parts.port > 0
    except ValueError as error:
        raise wrong from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_legal:
        raise wrong
    return Reference.elsewhere(text)


def _from_data_uri(model: TakesPictures, text: str) -> Reference:
    form = _DATA_URI.fullmatch(text)
    if form is None or form[1] != form[1].lower():
        reason = "a data URI must look like data:image/<lower-case format>;base64,<data>"
        raise invalid_parameter("image", reason, code="InvalidImageURL.InvalidFormat")
    name = "jpeg" if form[1] == "jpg" else form[1]
    if name not in model.reference_formats:
        raise _unsupported(f"the image format {name} is not supported")
    content = _decode(form[2])
    token = hashlib.sha256(content).hexdigest()
    if name in {"heic", "heif"}:
        return _apple_picture(token, content)
    width, height, preview, has_alpha = _measure(name, content)
    _check_shape(model, width, height)
    return Reference(token=token, ratio=width / height, preview=preview, has_alpha=has_alpha)


def _decode(text: str) -> bytes:
    if len(text) * 3 // 4 > _MOST_BYTES + 2:
        raise _oversized("the image must be at most 30 MB")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_parameter("image", "invalid base64 data", code="InvalidImageURL.InvalidFormat") from error
    if len(content) > _MOST_BYTES:
        raise _oversized("the image must be at most 30 MB")
    return content


def _apple_picture(token: str, content: bytes) -> Reference:
    # Pillow reads neither without another library: the container's brand is all that is checked.
    if content[4:8] != b"ftyp" or content[8:12] not in _APPLE_BRANDS:
        raise _unsupported("the image cannot be decoded")
    return Reference(token=token)


def _measure(name: str, content: bytes) -> tuple[int, int, bytes, bool]:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if picture.format != _PILLOW_NAMES[name]:
                raise _unsupported(f"the image is {picture.format}, not {name}")
            width, height = picture.size
            has_alpha = is_transparent(picture)
            preview = thumbnail(picture) if width * height <= _MOST_PIXELS else b""
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # A warning where warnings are errors; elsewhere the header's size is refused by our caller.
        raise _oversized(f"the image must have at most {_MOST_PIXELS} pixels") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise _unsupported("the image cannot be decoded") from error
    return width, height, preview, has_alpha


def _check_shape(model: TakesPictures, width: int, height: int) -> None:
    least, most_side = model.reference_sides
    if min(width, height) <= least:
        raise invalid_parameter("image", f"each side of the image must be greater than {least} pixels")
    if max(width, height) > most_side:
        raise invalid_parameter("image", f"each side of the image must be at most {most_side} pixels")
    if width * height > _MOST_PIXELS:
        raise _oversized(f"the image must have at most {_MOST_PIXELS} pixels")
    if max(width, height) > min(width, height) * model.reference_ratio:
        most = f"{model.reference_ratio:g}"
        raise invalid_parameter("image", f"the aspect ratio of the image must be between 1/{most} and {most}")


def _unsupported(reason: str) -> ArkError:
    return invalid_parameter("image", reason, code="InvalidParameter.UnsupportedImageFormat")


def _oversized(reason: str) -> ArkError:
    return invalid_parameter("image", reason, code="InvalidParameter.OversizedImage")
