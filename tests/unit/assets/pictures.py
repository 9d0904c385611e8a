"""Pictures for the tests, made on the spot."""

from __future__ import annotations

import io
import struct

from PIL import Image

FORMATS = ("png", "jpeg", "webp", "gif", "bmp", "tiff", "avif")


def picture(format_: str = "png", width: int = 96, height: int = 64, **options: object) -> bytes:
    """Return a noisy picture of that format and size."""
    file = io.BytesIO()
    mode = "L" if format_ == "gif" else "RGB"
    Image.effect_noise((width, height), 60).convert(mode).save(file, format_.upper(), **options)
    return file.getvalue()


def bitmap_header(width: int, height: int) -> bytes:
    """Return the header of a 24-bit BMP of that size, whose rows are to follow."""
    size = 54 + (width * 3 + 3) // 4 * 4 * height
    return struct.pack("<2sIHHIIiiHHIIiiII", b"BM", size, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
