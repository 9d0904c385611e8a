"""What a file's bytes say it is: the header first, then every pixel.

Pillow's `Image.open` warns of, then refuses, pictures above a limit that is global to the process. Ours is a
setting, so the formats' own classes are called instead, and the size is known before anything is decoded.

HEIC and HEIF need a decoder that Pillow does not bring: as references they are passed on unseen, by what their
boxes say; an answer in them cannot be proved whole.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, cast

import attrs
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from danqing_plugins import OutputKind
from danqing_server.assets import texts
from danqing_server.assets.boxes import announced_size, boxed_kind
from danqing_server.assets.patience import CountedReads
from danqing_server.assets.pngs import is_proved
from danqing_server.assets.posters import Poster
from danqing_server.assets.thumbnails import Shrunk, decoded_size, shrink
from danqing_server.assets.wholeness import draft, has_too_many_scans, is_whole
from danqing_server.errors import PictureRejected

__all__ = ["Inspection", "inspect_header", "inspect_sent", "inspect_whole", "open_picture", "shrink_body"]


@attrs.frozen(kw_only=True)
class Inspection:
    """What an output is, by its own bytes; `extension` has no dot. The rest is as in `models.Asset`."""

    media_type: str
    extension: str
    width: int
    height: int
    kind: OutputKind = OutputKind.IMAGE
    duration_s: float | None = None
    fps: float | None = None
    has_audio: bool = False
    decoded: bool = True
    poster: Poster | None = None
    thumbnail: Shrunk | None = None


PREFIX_BYTES = 256
MOST_TIFF_TAGS = 4096  # libtiff's own limit; Pillow, with none, takes seconds over 65535 and warns of each

MOST_READS = 100_000  # of a header; Pillow reads one segment, chunk or byte of filling at a time
MOST_PIXEL_READS = 500_000  # of what follows it; in chunks of a kilobyte, three reads each, a PNG may have 160 MB

_FACTORIES: dict[str, type[ImageFile.ImageFile]] = {
    "png": PngImagePlugin.PngImageFile,
    "jpeg": JpegImagePlugin.JpegImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "avif": AvifImagePlugin.AvifImageFile,
}
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
)


def inspect_header(body: bytes, *, max_pixels: int) -> Inspection:
    """Read format and size from the header of *body*; nothing is decoded.

    Raises:
        PictureRejected: `not_a_picture`, `truncated` (it breaks off in its header) or `too_large`.
    """
    with io.BytesIO(body) as file:
        return _header(file, max_pixels)


def inspect_sent(path: Path, *, max_pixels: int) -> Inspection:
    """Prove that a file is a whole picture, as `inspect_whole` does; of one without a decoder read the header."""
    with path.open("rb") as file:
        if _name_of(file) not in _FACTORIES:
            return attrs.evolve(_header(file, max_pixels), decoded=False)
    return inspect_whole(path, max_pixels=max_pixels)


def inspect_whole(path: Path, *, max_pixels: int, thumbnail: int | None = None) -> Inspection:
    """Read the header of a file, then prove that it is whole: by its checksums, or by decoding its first frame.

    Blocks; a decoded picture is all the memory it needs. *thumbnail*: one of that width is made of what was
    decoded.

    Raises:
        PictureRejected: `not_a_picture` (one that cannot be decoded, too), `truncated` or `too_large` (more than
            *max_pixels*).
        OSError: the file itself cannot be read.
    """
    with path.open("rb") as file:
        name = _name_of(file)
        if name not in _FACTORIES:
            raise PictureRejected(texts.NOT_DECODABLE(kind=name), code="not_a_picture")
        picture, inspection = _open(file, name, max_pixels)
        if thumbnail is None and name == "png" and is_proved(file):
            return inspection
        with _parsing(name):
            too_many_scans = name == "jpeg" and has_too_many_scans(file)
        if too_many_scans:
            raise PictureRejected(texts.TOO_LARGE_TO_DECODE(kind=name), code="too_large")
        least = (1, 1) if thumbnail is None else decoded_size(picture.size, thumbnail)
        with _parsing(name):
            draft(picture, least)
            picture.load()
            whole = is_whole(file, name, picture, least)
        if not whole:
            raise _truncated(name)
        if thumbnail is None:
            return inspection
        return attrs.evolve(inspection, thumbnail=_shrunk(picture, thumbnail))


def shrink_body(body: bytes, width: int, *, max_pixels: int) -> Shrunk:
    """Return a thumbnail of a stored picture, decoded as small as its format allows. Blocks.

    Raises:
        PictureRejected: it cannot be decoded.
    """
    with io.BytesIO(body) as file:
        name = _name_of(file)
        if name not in _FACTORIES:
            raise PictureRejected(texts.NOT_DECODABLE(kind=name), code="not_a_picture")
        picture, _ = _open(file, name, max_pixels)
        with _parsing(name):
            draft(picture, decoded_size(picture.size, width))
            picture.load()
            return shrink(picture, width)


def _shrunk(picture: Image.Image, width: int) -> Shrunk | None:
    try:
        return shrink(picture, width)
    except Exception:  # noqa: BLE001 - whatever Pillow makes of an odd one, the picture itself is whole and paid for
        return None


def _header(file: IO[bytes], max_pixels: int) -> Inspection:
    name = _name_of(file)
    if name in _FACTORIES:
        return _open(file, name, max_pixels)[1]
    with _parsing(name):
        size = announced_size(file)
    _check_size(size, max_pixels)
    return _inspection(name, size)


def open_picture(file: IO[bytes], *, max_pixels: int) -> ImageFile.ImageFile:
    """Return the picture in *file*, its header read and nothing decoded. Raises PictureRejected."""
    name = _name_of(file)
    if name not in _FACTORIES:
        raise PictureRejected(texts.NOT_DECODABLE(kind=name), code="not_a_picture")
    return _open(file, name, max_pixels)[0]


def _name_of(file: IO[bytes]) -> str:
    file.seek(0)
    prefix = file.read(PREFIX_BYTES)
    if prefix.startswith(b"RIFF") and prefix.startswith(b"WEBP", 8):
        return "webp"
    known = (name for signature, name in _SIGNATURES if prefix.startswith(signature))
    name = next(known, None) or boxed_kind(prefix)
    if name is None:
        kinds = "PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF, HEIC"
        raise PictureRejected(texts.NOT_A_PICTURE(kinds=kinds), code="not_a_picture")
    return name


def _open(file: IO[bytes], name: str, max_pixels: int) -> tuple[ImageFile.ImageFile, Inspection]:
    if name == "webp":
        _check_size(_webp_size(file), max_pixels)  # its class allocates the whole canvas when it is made
    if name == "tiff":
        _check_tags(file)
    file.seek(0)
    counted = CountedReads(file, MOST_READS)
    with _parsing(name):
        picture = _FACTORIES[name](cast("IO[bytes]", counted))
    counted.begin_pixels(MOST_PIXEL_READS)
    _check_size(picture.size, max_pixels)
    return picture, _inspection(name, picture.size)


def _inspection(name: str, size: tuple[int, int]) -> Inspection:
    return Inspection(media_type=f"image/{name}", extension=name, width=size[0], height=size[1])


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise PictureRejected(
            texts.TOO_MANY_PIXELS(width=width, height=height, pixels=width * height, most=max_pixels),
            code="too_large",
        )


def _check_tags(file: IO[bytes]) -> None:
    """Source: TIFF 6.0, section 2, read 2026-11-27."""
    file.seek(0)
    order: Literal["little", "big"] = "little" if file.read(4).startswith(b"II") else "big"
    file.seek(int.from_bytes(file.read(4), order))
    tags = int.from_bytes(file.read(2), order)
    if tags > MOST_TIFF_TAGS:
        raise PictureRejected(texts.TOO_MANY_TAGS(tags=tags, most=MOST_TIFF_TAGS), code="not_a_picture")


def _webp_size(file: IO[bytes]) -> tuple[int, int]:
    """Source: developers.google.com/speed/webp/docs/riff_container and RFC 9649, read 2026-11-24."""
    file.seek(0)
    prefix = file.read(32)
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
        raise PictureRejected(texts.TOO_LARGE_TO_DECODE(kind=name), code="too_large") from error
    except Exception as error:  # Pillow's parsers raise anything on damaged or hostile bytes
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's fault, not the picture's
        raise _truncated(name) from error


def _truncated(name: str) -> PictureRejected:
    return PictureRejected(texts.CUT_OFF(kind=name), code="truncated")
