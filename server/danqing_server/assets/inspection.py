"""What a file's bytes say it is: the header first, then every pixel.

Pillow's `Image.open` warns of, then refuses, pictures above a limit that is global to the process. Ours is a
setting, so the formats' own classes are called instead, and the size is known before anything is decoded.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import attrs
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from danqing_server.assets.wholeness import draft, is_whole
from danqing_server.errors import PictureRejected

__all__ = ["Inspection", "inspect_header", "inspect_whole"]


@attrs.frozen(kw_only=True)
class Inspection:
    """What a picture is, by its own bytes; `extension` has no dot."""

    media_type: str
    extension: str
    width: int
    height: int


@attrs.frozen
class _Format:
    name: str
    signatures: tuple[tuple[int, bytes], ...]
    factory: type[ImageFile.ImageFile]

    def begins(self, prefix: bytes) -> bool:
        return all(prefix.startswith(signature, offset) for offset, signature in self.signatures)


_FORMATS = (
    _Format("png", ((0, b"\x89PNG\r\n\x1a\n"),), PngImagePlugin.PngImageFile),
    _Format("jpeg", ((0, b"\xff\xd8\xff"),), JpegImagePlugin.JpegImageFile),
    _Format("webp", ((0, b"RIFF"), (8, b"WEBP")), WebPImagePlugin.WebPImageFile),
    _Format("gif", ((0, b"GIF8"),), GifImagePlugin.GifImageFile),
    _Format("bmp", ((0, b"BM"),), BmpImagePlugin.BmpImageFile),
    _Format("tiff", ((0, b"II*\0"),), TiffImagePlugin.TiffImageFile),
    _Format("tiff", ((0, b"MM\0*"),), TiffImagePlugin.TiffImageFile),
)


def inspect_header(body: bytes, *, max_pixels: int) -> Inspection:
    """Read format and size from the header of *body*; nothing is decoded.

    Raises:
        PictureRejected: `not_a_picture`, `truncated` (it breaks off in its header) or `too_large`.
    """
    with io.BytesIO(body) as file:
        return _open(file, max_pixels)[1]


def inspect_whole(path: Path, *, max_pixels: int) -> Inspection:
    """Read the header of a file, then decode its first frame to prove that it is whole.

    Blocks while it decodes; the decoded picture is all the memory it needs.

    Raises:
        PictureRejected: `not_a_picture`, `truncated` or `too_large` (more than *max_pixels*).
        OSError: the file itself cannot be read.
    """
    with path.open("rb") as file:
        picture, inspection = _open(file, max_pixels)
        with _parsing(inspection.extension):
            draft(picture)
            picture.load()
            whole = is_whole(file, inspection.extension, picture)
        if not whole:
            raise _truncated(inspection.extension)
        return inspection


def _open(file: IO[bytes], max_pixels: int) -> tuple[ImageFile.ImageFile, Inspection]:
    prefix = file.read(32)
    format_ = next((known for known in _FORMATS if known.begins(prefix)), None)
    if format_ is None:
        raise PictureRejected(
            "not a picture of a known kind (PNG, JPEG, WebP, GIF, BMP, TIFF)", code="not_a_picture"
        )
    if format_.name == "webp":
        _check_size(_webp_size(prefix), max_pixels)  # its class allocates the whole canvas when it is made
    file.seek(0)
    with _parsing(format_.name):
        picture = format_.factory(file)
    _check_size(picture.size, max_pixels)
    inspection = Inspection(
        media_type=f"image/{format_.name}",
        extension=format_.name,
        width=picture.width,
        height=picture.height,
    )
    return picture, inspection


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise PictureRejected(
            f"{width}x{height} are {width * height} pixels; at most {max_pixels} are kept", code="too_large"
        )


def _webp_size(prefix: bytes) -> tuple[int, int]:
    """Source: developers.google.com/speed/webp/docs/riff_container and RFC 9649, read 2026-11-24."""
    kind, number = prefix[12:16], int.from_bytes
    if kind == b"VP8X":
        return 1 + number(prefix[24:27], "little"), 1 + number(prefix[27:30], "little")
    if kind == b"VP8L":
        bits = number(prefix[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return number(prefix[26:28], "little") & 0x3FFF, number(prefix[28:30], "little") & 0x3FFF


@contextmanager
def _parsing(name: str) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureRejected(f"the {name} picture is too large to be decoded", code="too_large") from error
    except Exception as error:  # Pillow's parsers raise anything on damaged or hostile bytes
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's fault, not the picture's
        raise _truncated(name) from error


def _truncated(name: str) -> PictureRejected:
    return PictureRejected(f"the {name} picture is cut off or damaged", code="truncated")
