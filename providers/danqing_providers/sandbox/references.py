"""Reference pictures: looked at, made small, and kept for the painter."""

from __future__ import annotations

import hashlib
import io
from typing import Final

import attrs
from PIL import Image, UnidentifiedImageError

__all__ = ["Reference", "is_transparent", "look_at", "thumbnail"]

_THUMBNAIL_SIDE: Final = 640
_MOST_PIXELS: Final = 100_000_000


@attrs.frozen(kw_only=True)
class Reference:
    """One reference picture.

    `token` is the SHA-256 of its bytes or of its URL. `url` is None for bytes. `ratio` is its width over height and
    `preview` a small JPEG of it, `has_alpha` whether any of it may be transparent; None when the sandbox cannot see
    it (a foreign URL, HEIC).
    """

    token: str
    url: str | None = None
    ratio: float | None = None
    preview: bytes | None = attrs.field(default=None, repr=False)
    has_alpha: bool | None = None

    @classmethod
    def elsewhere(cls, url: str) -> Reference:
        """Return what is known of a picture that is only named: nothing is ever fetched."""
        return cls(token=hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest(), url=url)


def look_at(content: bytes) -> tuple[Reference, tuple[int, int], str]:
    """Return the picture in *content*, its width and height, and its format in Pillow's word (`PNG`).

    Blocks while decoding. Raises: ValueError for what is no picture, or one of more than 100 megapixels.
    """
    try:
        with Image.open(io.BytesIO(content)) as picture:
            width, height = picture.size
            if width * height > _MOST_PIXELS:
                raise ValueError(f"more than {_MOST_PIXELS} pixels")
            preview, form, has_alpha = thumbnail(picture), picture.format or "", is_transparent(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"more than {_MOST_PIXELS} pixels") from error
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError("not a picture that can be read") from error
    token = hashlib.sha256(content).hexdigest()
    reference = Reference(token=token, ratio=width / height, preview=preview, has_alpha=has_alpha)
    return reference, (width, height), form


def is_transparent(picture: Image.Image) -> bool:
    """Say whether *picture* has a channel, or a colour, for transparency."""
    return "A" in picture.getbands() or "transparency" in picture.info


def thumbnail(picture: Image.Image) -> bytes:
    """Return a JPEG of *picture*, at most 640 pixels wide and high; the same for the same picture."""
    picture.draft("RGB", (_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    small = picture.convert("RGBA")
    small.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    flat = Image.new("RGB", small.size, "white")
    flat.paste(small, mask=small)
    buffer = io.BytesIO()
    flat.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
