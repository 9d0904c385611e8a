"""What decoding alone does not show: a picture whose end, or most of it, is missing.

libjpeg fills with grey what a JPEG's data do not hold and only warns, and a warning is not passed on by Pillow.
"""

from __future__ import annotations

import hashlib
import io
import mmap
import re
from collections.abc import Iterator
from itertools import islice
from typing import IO

from PIL import Image, JpegImagePlugin

__all__ = ["draft", "has_too_many_scans", "is_whole"]

GREY, GREY_TOLERANCE = 128, 3

MOST_SCANS = 100
"""Of a JPEG. Writers make a dozen; each goes over all of its pixels once more, and may be less than 100 bytes."""

MOST_MARKS = 100_000
"""Of a JPEG, those within its scans apart; writers make some hundreds."""

_SCAN, _END = 0xDA, 0xD9
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_SCAN_END = re.compile(rb"(?<!\xff)\xff+[^\x00\xd0-\xd7\xff]")  # no run of 0xFF is tried from each of its bytes
_UP_TO_THE_LAST_RESTART = re.compile(rb".*\xff([\xd0-\xd7])", re.DOTALL)
_FIRST_RESTART = 0xD0
_INTERVALS = 32
_EXTENSION, _FRAME = 0x21, 0x2C
_BLOCKS = frozenset({_EXTENSION, _FRAME})


def draft(picture: Image.Image, least: tuple[int, int] = (1, 1)) -> None:
    """Have *picture* decoded small, but not below *least*.

    Only JPEG heeds this: it reads each bit all the same, in down to 1/64 of the memory.
    """
    picture.draft(None, (max(picture.width // 8, least[0]), max(picture.height // 8, least[1])))


def has_too_many_scans(file: IO[bytes]) -> bool:
    """Tell whether a JPEG would keep a decoder busy for longer than its pixels are worth.

    Raises ValueError: it has more marks than are looked at.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = -1
        for _ in range(MOST_SCANS + 1):  # quick, and too many at most: a scan's own data hold no such mark
            at = content.find(b"\xff\xda", at + 1)
            if at < 0:
                return False
        return sum(marker == _SCAN for marker, _, _ in islice(_marks(content), MOST_SCANS + 1)) > MOST_SCANS


def is_whole(file: IO[bytes], name: str, decoded: Image.Image, least: tuple[int, int] = (1, 1)) -> bool:
    """Tell whether the file that was *decoded* (by way of `draft`) holds all that its header promises.

    Raises ValueError: a JPEG has more marks than are looked at.
    """
    if name not in ("png", "jpeg", "gif"):
        return True
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if name == "gif":
            return _has_all_frames(content)
        return _has_ending(content, name) and not (name == "jpeg" and _is_hollow(content, decoded, least))


def _has_ending(content: mmap.mmap, name: str) -> bool:
    """Tell whether the format's own end mark is there: the last bytes carry no pixels, so decoding misses a cut.

    Bytes after the mark are let pass. In a JPEG's scan 0xFF is always escaped, so a mark after the last start
    of scan is the picture's own and not its thumbnail's; only what a camera appends may hold such a start too.
    """
    if name == "png":
        return content.rfind(b"IEND\xaeB`\x82") >= 0
    end = content.rfind(b"\xff\xd9")
    if end >= 0 and content.find(b"\xff\xda", end) < 0:
        return True
    return any(marker == _END for marker, _, _ in _marks(content))


def _has_all_frames(content: mmap.mmap) -> bool:
    """Tell whether a GIF ends where one of its blocks does: only its first frame was decoded.

    Some writers leave out the end mark; what follows the last block and is none is let pass. Source: CompuServe,
    GIF89a, §15 to §27, read 2026-11-30.
    """
    at = 13 + _table_bytes(content[10])
    while at < len(content) and content[at] in _BLOCKS:
        try:
            at += 2 if content[at] == _EXTENSION else 11 + _table_bytes(content[at + 9])
            while content[at]:
                at += 1 + content[at]
        except IndexError:
            return False
        at += 1
    return True


def _table_bytes(packed: int) -> int:
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def _is_hollow(content: mmap.mmap, decoded: Image.Image, least: tuple[int, int]) -> bool:
    """Tell whether a JPEG's data end before its pixels do.

    Where no data are left libjpeg paints mid grey, so any other last pixel proves the picture whole, at no cost.
    A grey one is tried: data that do not belong there are put behind each scan. A decoder that still needed some
    takes them, and paints something else; one that had all it needed passes over them.
    """
    corner = decoded.crop((decoded.width - 1, decoded.height - 1, decoded.width, decoded.height))
    lightness = corner.convert("L").tobytes()[0]
    if decoded.mode in ("L", "RGB") and abs(lightness - GREY) > GREY_TOLERANCE:
        return False
    with JpegImagePlugin.JpegImageFile(io.BytesIO(b"".join(_with_filler(content)))) as filled:
        draft(filled, least)
        filled.load()
        return filled.tobytes() != decoded.tobytes()


def _with_filler(content: mmap.mmap) -> Iterator[bytes]:
    copied = 0
    for marker, start, end in _marks(content):
        if marker == _END:
            break
        yield content[copied:end]
        yield from _filler(_next_restart(content, start, end))
        copied = end
    yield content[copied:]


def _next_restart(content: mmap.mmap, start: int, end: int) -> int:
    """Return what number the restart mark would have that comes next: they go from 0 to 7, over and over."""
    last = _UP_TO_THE_LAST_RESTART.match(content, start, end)
    return last[1][0] - _FIRST_RESTART + 1 if last is not None else 0


def _filler(first: int) -> Iterator[bytes]:
    """Yield noise in further restart intervals: a decoder between two of them looks for the next one's number."""
    for number in range(_INTERVALS):
        yield hashlib.shake_128(bytes((number,))).digest(128).replace(b"\xff", b"")
        yield bytes((0xFF, _FIRST_RESTART + (first + number) % 8))


def _marks(content: mmap.mmap) -> Iterator[tuple[int, int, int]]:
    """Yield each scan's mark with where its data begin and end, then the end mark, if there is one.

    Raises ValueError: there are more than `MOST_MARKS` before the end.
    Source: ITU-T T.81 §B.1.1.2 and §B.2, read 2026-11-27.
    """
    at = 2
    for _ in range(MOST_MARKS):
        at = content.find(b"\xff", at)
        if at < 0 or at + 4 > len(content):
            return
        marker = content[at + 1]
        at += 1 if marker == 0xFF else 2
        if marker == _END:
            yield marker, at, at
            return
        if marker in _WITHOUT_LENGTH or marker == 0xFF:
            continue
        at += int.from_bytes(content[at : at + 2])
        if marker == _SCAN:
            found = _SCAN_END.search(content, at)
            if found is None:
                return
            yield marker, at, found.start()
            at = found.start()
    raise ValueError("the picture has too many marks")
