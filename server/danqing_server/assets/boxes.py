"""AVIF and HEIC files as far as they can be read without a decoder: their kind, and the size they announce.

Sources: ISO/IEC 14496-12 (boxes, `ftyp`, `pitm`), ISO/IEC 23008-12 (`iprp`, `ipco`, `ipma`, `ispe`, `clap`; the
brands of HEIC) and the AVIF specification of AOMedia (brands), read 2026-11-27.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

__all__ = ["announced_size", "boxed_kind"]

LARGEST_META_BYTES = 1024 * 1024
MOST_BOXES = 100  # before the one that describes the picture, which most writers put second

_KINDS = {
    "avif": {b"avif", b"avis"},
    "heic": {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"},
    "heif": {b"mif1", b"mif2", b"msf1"},
}


def boxed_kind(prefix: bytes) -> str | None:
    """Return `avif`, `heic` or `heif` for a file that begins with *prefix*; None when it is none of these.

    The major brand decides if it can; a container's general brand leaves it to the compatible ones.
    """
    if prefix[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(prefix[:4]), len(prefix))
    brands = [prefix[at : at + 4] for at in (8, *range(16, end - 3, 4))]
    told = [kind for brand in brands for kind, known in _KINDS.items() if brand in known]
    return next((kind for kind in told if kind != "heif"), told[0] if told else None)


def announced_size(file: IO[bytes]) -> tuple[int, int]:
    """Return width and height of the primary picture, before it is turned.

    Raises:
        ValueError, LookupError, ArithmeticError, struct.error: the boxes are cut off or make no sense.
    """
    meta = dict(_children(_meta(file)[4:]))
    item_properties = list(_children(meta[b"iprp"]))
    pitm, properties = meta[b"pitm"], list(_children(dict(item_properties)[b"ipco"]))
    (primary,) = struct.unpack_from(">I" if pitm[0] else ">H", pitm, 4)
    tables = [content for kind, content in item_properties if kind == b"ipma"]
    own = dict(properties[number - 1] for number in _associated(tables, primary))
    if b"clap" in own:  # what is shown of it; encoders fill up the rest, to whole blocks
        width, width_by, height, height_by = struct.unpack_from(">4I", own[b"clap"])
        return round(width / width_by), round(height / height_by)
    width, height = struct.unpack_from(">II", own[b"ispe"], 4)
    return width, height


def _meta(file: IO[bytes]) -> bytes:
    file.seek(0)
    for _ in range(MOST_BOXES):
        size, kind = struct.unpack(">I4s", file.read(8))
        rest = struct.unpack(">Q", file.read(8))[0] - 16 if size == 1 else size - 8
        if rest < 0 or (kind == b"meta" and rest > LARGEST_META_BYTES):
            break
        if kind == b"meta":
            return file.read(rest)
        file.seek(rest, 1)
    raise ValueError("there is no box that describes the picture")


def _children(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        end = at + size if size else len(content)
        if size in range(1, 8) or end > len(content):
            raise ValueError(f"a box {kind!r} of {size} bytes")
        yield kind, content[at + 8 : end]
        at = end


def _associated(tables: list[bytes], item: int) -> Iterator[int]:
    """Yield the numbers, from 1, of the properties of *item*."""
    for table in tables:
        wide_ids, wide_numbers = table[0] > 0, table[3] & 1
        (entries,) = struct.unpack_from(">I", table, 4)
        at = 8
        for _ in range(entries):
            id_, count = struct.unpack_from(">IB" if wide_ids else ">HB", table, at)
            at += 5 if wide_ids else 3
            numbers = struct.unpack_from(f">{count}{'H' if wide_numbers else 'B'}", table, at)
            at += count * (2 if wide_numbers else 1)
            if id_ == item:
                yield from (number & (0x7FFF if wide_numbers else 0x7F) for number in numbers)
