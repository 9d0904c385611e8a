"""Paints a hill under a sun, as a PNG, with nothing but the standard library."""

from __future__ import annotations

import math
import random
import struct
import zlib

__all__ = ["paint"]

Colour = tuple[int, int, int]

SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((96, 146, 190), (246, 222, 190)),
    ((52, 62, 110), (236, 148, 120)),
    ((150, 190, 200), (248, 244, 226)),
)
HILLS: tuple[Colour, ...] = ((70, 96, 84), (96, 78, 90), (58, 76, 104))
SUN: Colour = (222, 92, 60)


def paint(seed: int, size: int) -> bytes:
    """Return a square PNG of *size* pixels a side; the same seed gives the same picture."""
    choose = random.Random(seed)
    top, bottom = choose.choice(SKIES)
    hill = choose.choice(HILLS)
    wave, phase = choose.uniform(1.5, 3.5), choose.uniform(0, math.tau)
    sun_x, sun_y, sun_radius = choose.uniform(0.2, 0.8), choose.uniform(0.2, 0.4), choose.uniform(0.05, 0.1)
    ridges = [0.68 + 0.1 * math.sin(wave * math.tau * x / size + phase) for x in range(size)]
    rows = bytearray()
    for row in range(size):
        y = row / size
        sky = _between(top, bottom, y)
        rows.append(0)  # PNG: this line is not filtered
        for column, ridge in enumerate(ridges):
            if y > ridge:
                rows += bytes(_between(hill, (30, 34, 40), (y - ridge) * 2))
            elif math.hypot(column / size - sun_x, y - sun_y) < sun_radius:
                rows += bytes(SUN)
            else:
                rows += bytes(sky)
    return _png(size, bytes(rows))


def _between(one: Colour, other: Colour, share: float) -> Colour:
    share = min(1.0, max(0.0, share))
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _png(size: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
