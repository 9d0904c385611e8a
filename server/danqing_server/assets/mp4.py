"""MP4, MOV and M4A files without a decoder: whether all that they promise is there, and what they say of it.

A file cut in the middle often opens all the same: its tables stand at the beginning, and its end is missing. So
each sample that a table names has to lie inside the file. Source: ISO/IEC 14496-12 (`moov`, `trak`, `tkhd`, `mdhd`,
`hdlr`, `stts`, `stsz`, `stz2`, `stsc`, `stco`, `co64`, `moof`) and QuickTime's file format, read 2026-11-28.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import IO

import attrs

from danqing_server.assets.structure import CutOff, Structure

__all__ = ["read_mp4"]

LARGEST_TABLES_BYTES = 32 * 1024 * 1024
MOST_BOXES = 100_000
MOST_TRACKS = 32

_MEDIA = frozenset({b"moov", b"moof", b"mdat"})

Boxes = Mapping[bytes, bytes]


@attrs.frozen(kw_only=True)
class _Track:
    """`end` is where its last sample ends, counted in the file; 0 without any. `turned`: shown on its side."""

    handler: bytes
    width: int
    height: int
    duration_s: float
    samples: int
    end: int


def read_mp4(file: IO[bytes], size_bytes: int) -> Structure:
    """Read the boxes of a file of *size_bytes*.

    What follows the media and makes no sense is let pass: players do.

    Raises:
        CutOff: media that it names lie behind its end, or in no chunk.
        ValueError, LookupError, ArithmeticError, struct.error: it makes no sense.
    """
    tables, fragments = _top_level(file, size_bytes)
    if tables is None:
        raise ValueError("there is no index of the media (moov)")
    tracks = [_track(content) for kind, content in _children(tables) if kind == b"trak"][:MOST_TRACKS]
    if max((track.end for track in tracks), default=0) > size_bytes:
        raise CutOff("the last of the media is missing")
    if not fragments and not any(track.samples for track in tracks):
        raise ValueError("it holds no media")
    pictures = [track for track in tracks if track.handler == b"vide"]
    first = pictures[0] if pictures else None
    duration_s = max((track.duration_s for track in tracks), default=0.0)
    return Structure(
        has_video=first is not None,
        has_audio=any(track.handler == b"soun" for track in tracks),
        width=first.width if first else 0,
        height=first.height if first else 0,
        duration_s=duration_s or None,
        fps=first.samples / first.duration_s if first and first.duration_s and first.samples else None,
    )


def _top_level(file: IO[bytes], size_bytes: int) -> tuple[bytes | None, int]:
    """Return what is in `moov`, and how many fragments there are; every box of media lies whole in the file."""
    tables, fragments, is_open, at = None, 0, False, 0
    for _ in range(MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        if at >= size_bytes or len(head) < 8:
            break
        length, kind = struct.unpack_from(">I4s", head)
        own = 16 if length == 1 else 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", head, 8)
        length = length or size_bytes - at
        if length < own or at + length > size_bytes:
            if kind in _MEDIA:
                raise CutOff(f"the box {kind.decode()} is cut off")
            break
        if kind == b"moov":
            if length > LARGEST_TABLES_BYTES:
                raise ValueError(f"an index of {length} bytes")
            file.seek(at + own)
            tables = file.read(length - own)
        fragments += kind == b"moof"
        is_open = kind == b"moof" or (is_open and kind != b"mdat")
        at += length
    if fragments and (is_open or 0 < size_bytes - at < 8):
        raise CutOff("its last fragment is cut off")
    return tables, fragments


def _track(content: bytes) -> _Track:
    boxes = dict(_children(content))
    media = dict(_children(boxes[b"mdia"]))
    samples = dict(_children(dict(_children(media[b"minf"])).get(b"stbl", b"")))
    width, height = _shown_size(boxes[b"tkhd"])
    count, end = _samples(samples)
    return _Track(
        handler=media[b"hdlr"][8:12],
        width=width,
        height=height,
        duration_s=_duration_s(media[b"mdhd"]),
        samples=count,
        end=end,
    )


def _children(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        if not size:  # QuickTime ends some lists so
            return
        if size < 8 or at + size > len(content):
            raise ValueError(f"a box of {size} bytes inside the index")
        yield kind, content[at + 8 : at + size]
        at += size


def _shown_size(tkhd: bytes) -> tuple[int, int]:
    """Return the size as it is shown: 16.16 numbers at the end of the box, after the matrix that may turn them."""
    (a, b) = struct.unpack_from(">ii", tkhd, len(tkhd) - 44)
    width, height = (number >> 16 for number in struct.unpack_from(">II", tkhd, len(tkhd) - 8))
    return (height, width) if not a and b else (width, height)


def _duration_s(mdhd: bytes) -> float:
    scale, duration = struct.unpack_from(">IQ" if mdhd[0] else ">II", mdhd, 20 if mdhd[0] else 12)
    unknown = duration in (0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF)
    return 0.0 if unknown or not scale else duration / scale


def _samples(boxes: Boxes) -> tuple[int, int]:
    """Return how many samples there are, and where the last of them ends."""
    offsets = _numbers(boxes[b"co64"], "Q") if b"co64" in boxes else _numbers(boxes.get(b"stco", bytes(8)), "I")
    uniform, count, sizes = _sizes(boxes)
    if not offsets or not count:
        return 0, 0
    runs = [struct.unpack_from(">II", boxes[b"stsc"], at) for at in range(8, len(boxes[b"stsc"]) - 11, 12)]
    end, first = 0, 0
    for (start, per_chunk), (stop, _) in pairwise([*runs, (len(offsets) + 1, 0)]):
        for chunk in range(start - 1, min(stop - 1, len(offsets))):
            last = min(first + per_chunk, count)
            length = uniform * (last - first) if uniform else sum(sizes[first:last])
            end = max(end, offsets[chunk] + length)
            first = last
    if first < count:
        raise CutOff("its tables name samples that are in no chunk")
    return count, end


def _sizes(boxes: Boxes) -> tuple[int, int, array[int]]:
    """Return the one size of all samples (0: each has its own), their number, and the sizes."""
    none: array[int] = array("I")
    if b"stsz" not in boxes:
        compact = boxes.get(b"stz2")  # of so few writers that its sizes are not read
        return (1, struct.unpack_from(">I", compact, 8)[0], none) if compact else (0, 0, none)
    uniform, count = struct.unpack_from(">II", boxes[b"stsz"], 4)
    sizes = none if uniform else _numbers(boxes[b"stsz"][4:], "I")
    if not uniform and len(sizes) < count:
        raise CutOff("its table of sizes is cut off")
    return uniform, count, sizes


def _numbers(table: bytes, width: str) -> array[int]:
    """Return the numbers of a table that begins with version, flags and how many there are."""
    (count,) = struct.unpack_from(">I", table, 4)
    numbers = array(width)
    size_bytes = min(count * numbers.itemsize, (len(table) - 8) // numbers.itemsize * numbers.itemsize)
    numbers.frombytes(table[8 : 8 + size_bytes])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
