"""A PNG proved whole without a look at its pixels: by its chunks' checksums, and by how much its data inflate to.

Undoing the rows' filters is most of what decoding costs, and cannot fail: any bytes are pixels.
Source: W3C, Portable Network Graphics (Third Edition), §5, §7, §9, §10 and §11.2, read 2026-11-29.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import IO, Final, cast

import attrs
from zlib_ng import zlib_ng

__all__ = ["is_proved"]

PIECE_BYTES: Final = 1024 * 1024

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEADER: Final = struct.Struct(">IIBBBBB")
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_FILTERS: Final = bytes(range(5))
_NOT_INFLATABLE: Final = cast("type[Exception]", zlib_ng.error)  # its stubs take the class for an instance


class _Unproved(Exception):
    """Something is damaged, or of a kind that is not looked at here."""


def is_proved(file: IO[bytes]) -> bool:
    """Tell whether *file*, not empty, is a PNG whose every pixel is there; False: a decoder has to say.

    Blocks for as long as its data take to inflate, in no more than 1 MiB. An interlaced one is not looked at.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            return _holds_all(content)
        except (_Unproved, _NOT_INFLATABLE, struct.error):
            return False


def _holds_all(content: mmap.mmap) -> bool:
    chunks = _chunks(content)
    kind, header = next(chunks, (b"", b""))
    if content[:8] != _SIGNATURE or kind != b"IHDR":
        return False
    rows = _Rows.of(header)
    seen = kind
    for kind, body in chunks:
        if kind == b"IDAT":
            if seen != kind and rows.began:
                return False
            rows.take(body)
        elif kind == b"IEND":
            return rows.are_whole
        elif kind == b"PLTE":
            rows.has_palette = True
        seen = kind
    return False


def _chunks(content: mmap.mmap) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and body of each chunk, of one that a decoder may pass over without its body."""
    at, end = len(_SIGNATURE), len(content)
    while at + 12 <= end:
        length, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        at += 12 + length
        if at > end:
            raise _Unproved
        if kind[0] & 0x20:  # a small letter: not needed for the pixels
            yield kind, b""
            continue
        body = content[at - 4 - length : at - 4]
        if zlib_ng.crc32(body, zlib_ng.crc32(kind)) != int.from_bytes(content[at - 4 : at]):
            raise _Unproved
        yield kind, body


@attrs.define
class _Rows:
    """The rows of a picture as its data come: each of `stride` bytes, the first of which names its filter."""

    stride: int
    expected: int
    needs_palette: bool
    has_palette: bool = False
    inflated: int = 0
    began: bool = False
    _inflater: zlib_ng._Decompress = attrs.field(factory=zlib_ng.decompressobj, init=False)

    @classmethod
    def of(cls, header: bytes) -> _Rows:
        width, height, depth, colour, compression, filtering, interlace = _HEADER.unpack(header)
        if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace or not width * height:
            raise _Unproved
        stride = 1 + (width * depth * _SAMPLES[colour] + 7) // 8
        return cls(stride=stride, expected=stride * height, needs_palette=colour == 3)

    @property
    def are_whole(self) -> bool:
        return self.inflated == self.expected and self._inflater.eof and self.has_palette >= self.needs_palette

    def take(self, data: bytes) -> None:
        self.began = True
        while data:
            piece = self._inflater.decompress(data, PIECE_BYTES)
            self._look_at(piece)
            data = self._inflater.unconsumed_tail

    def _look_at(self, piece: bytes) -> None:
        filters = piece[-self.inflated % self.stride :: self.stride]
        self.inflated += len(piece)
        if filters.translate(None, _FILTERS) or self.inflated > self.expected:
            raise _Unproved
