"""WebM and Matroska files without a decoder: whether they are whole, and what they say of themselves.

Source: RFC 8794 (EBML: variable-size integers, unknown sizes) and RFC 9559 (Matroska: `Segment`, `Info`, `Tracks`,
`Cluster`), read 2026-11-28.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

import attrs

from danqing_server.assets.structure import CutOff, Structure

__all__ = ["read_webm"]

MOST_ELEMENTS = 100_000
LARGEST_HEAD_BYTES = 4 * 1024 * 1024

_SEGMENT, _INFO, _TRACKS, _CLUSTER = 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
_SCALE, _DURATION = 0x2AD7B1, 0x4489
_ENTRY, _TYPE, _VIDEO, _WIDTH, _HEIGHT = 0xAE, 0x83, 0xE0, 0xB0, 0xBA
_IS_VIDEO, _IS_AUDIO = 1, 2


@attrs.frozen
class _Element:
    """`size` is None when it is not known in advance: a live recording."""

    id: int
    start: int
    size: int | None


def read_webm(file: IO[bytes], size_bytes: int) -> Structure:
    """Read the elements of a file of *size_bytes*.

    Raises:
        CutOff: an element reaches behind its end.
        ValueError, LookupError, struct.error: it makes no sense.
    """
    header = _element(file, 0)
    segment = _element(file, header.start + (header.size or 0))
    if segment.id != _SEGMENT:
        raise ValueError("there is no segment")
    _require_inside(segment, size_bytes)
    found = Structure()
    clusters = 0
    for element in _in_segment(file, segment, size_bytes):
        clusters += element.id == _CLUSTER
        if element.id in (_INFO, _TRACKS):
            if element.size is None or element.size > LARGEST_HEAD_BYTES:
                raise ValueError("its description has no sensible size")
            file.seek(element.start)
            content = file.read(element.size)
            found = _described(found, content) if element.id == _INFO else _tracked(found, content)
    if not clusters:
        raise ValueError("it holds no media")
    return found


def _in_segment(file: IO[bytes], segment: _Element, size_bytes: int) -> Iterator[_Element]:
    end = size_bytes if segment.size is None else segment.start + segment.size
    at = segment.start
    for _ in range(MOST_ELEMENTS):
        if at >= end:
            return
        element = _element(file, at)
        _require_inside(element, size_bytes)
        yield element
        if element.size is None:
            return  # a cluster of a live recording: what follows is not to be found without reading all of it
        at = element.start + element.size


def _require_inside(element: _Element, size_bytes: int) -> None:
    if element.size is not None and element.start + element.size > size_bytes:
        raise CutOff("the last of the media is missing")


def _described(found: Structure, info: bytes) -> Structure:
    scale_ns, duration = 1_000_000, 0.0
    for id_, content in _children(info):
        if id_ == _SCALE:
            scale_ns = int.from_bytes(content)
        elif id_ == _DURATION and len(content) in (4, 8):
            (duration,) = struct.unpack(">f" if len(content) == 4 else ">d", content)
    return attrs.evolve(found, duration_s=duration * scale_ns / 1e9 or None)


def _tracked(found: Structure, tracks: bytes) -> Structure:
    for id_, entry in _children(tracks):
        members = dict(_children(entry)) if id_ == _ENTRY else {}
        type_ = int.from_bytes(members.get(_TYPE, b""))
        if type_ == _IS_AUDIO:
            found = attrs.evolve(found, has_audio=True)
        elif type_ == _IS_VIDEO and not found.has_video:
            size = dict(_children(members.get(_VIDEO, b"")))
            width, height = (int.from_bytes(size.get(each, b"")) for each in (_WIDTH, _HEIGHT))
            found = attrs.evolve(found, has_video=True, width=width, height=height)
    return found


def _element(file: IO[bytes], at: int) -> _Element:
    file.seek(at)
    head = file.read(12)
    id_, id_length = _number(head, 0, keep_mark=True)
    size, size_length = _number(head, id_length)
    unknown = size == (1 << 7 * size_length) - 1
    return _Element(id_, at + id_length + size_length, None if unknown else size)


def _children(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(content):
        id_, id_length = _number(content, at, keep_mark=True)
        size, size_length = _number(content, at + id_length)
        at += id_length + size_length
        if at + size > len(content):
            raise ValueError("an element reaches beyond its parent")
        yield id_, content[at : at + size]
        at += size


def _number(content: bytes, at: int, *, keep_mark: bool = False) -> tuple[int, int]:
    """Return a variable-size integer and how many bytes it takes; an id is written with its mark of length."""
    length = 9 - content[at].bit_length()
    if length > 8 or at + length > len(content):
        raise ValueError("it breaks off in a number")
    value = int.from_bytes(content[at : at + length])
    return (value if keep_mark else value & ((1 << 7 * length) - 1)), length
