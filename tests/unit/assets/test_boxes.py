"""HEIC and AVIF by their boxes."""

from __future__ import annotations

import base64
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danqing_plugins import Reference
from danqing_server.assets.boxes import announced_size, boxed_kind
from danqing_server.assets.inspection import inspect_header
from danqing_server.assets.references import parse_references
from danqing_server.errors import InvalidSubmission, PictureRejected

# 64x48 of one colour, as libheif 1.23 with x265 writes it: 64x64 with a clean aperture.
LIBHEIF = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9j"
    "AAAAAERAAAEAAQAAAAABoQABAAAAAAAAABgAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/Wlw"
    "cnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AA"
    "AAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAA"
    "QAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWB"
    "AgMFhAAAACBtZGF0AAAAFCgBrwQY+Mpx1//yIZ8KAuDtSEec"
)


def box(kind: bytes, *content: bytes) -> bytes:
    inner = b"".join(content)
    return struct.pack(">I4s", 8 + len(inner), kind) + inner


def size_box(width: int, height: int) -> bytes:
    return box(b"ispe", bytes(4), struct.pack(">II", width, height))


def phone_picture(*, wide: bool = False, brand: bytes = b"heic") -> bytes:
    """Return an iPhone's structure: tiles of 512x512, and item 49, the primary one, that lays them out."""
    version = bytes((1 if wide else 0, 0, 0, 1 if wide else 0))
    id_, number = ("I", "H") if wide else ("H", "B")
    tables = struct.pack(f">I{id_}B{number}{id_}B{number}{number}", 2, 1, 1, 1, 49, 2, 3, 2)
    return box(b"ftyp", brand, bytes(4), b"mif1heic") + box(
        b"meta",
        bytes(4),
        box(b"hdlr", bytes(24)),
        box(b"pitm", bytes((int(wide), 0, 0, 0)), struct.pack(f">{id_}", 49)),
        box(
            b"iprp",
            box(b"ipco", size_box(512, 512), size_box(4032, 3024), box(b"irot", b"\3")),
            box(b"ipma", version, tables),
        ),
    )


class TestH8Heic:
    """H8: an iPhone's picture is taken as a reference, with its type and size, and passed on as it is."""

    @pytest.mark.parametrize("media_type", ["image/heic", "image/heif", "application/octet-stream"])
    def test_a_phones_picture_is_taken(self, media_type: str) -> None:
        """Whatever the client calls it; the size is the whole picture's, not a tile's."""
        body = phone_picture()
        text = base64.b64encode(body).decode()
        (parsed,) = parse_references("image", f"data:{media_type};base64,{text}")
        assert parsed.body == body
        assert parsed.reference == Reference(
            field="image", media_type="image/heic", width=4032, height=3024, size_bytes=len(body)
        )

    @pytest.mark.parametrize(
        ("body", "kind", "size"),
        [
            (LIBHEIF, "heic", (64, 48)),
            (phone_picture(wide=True), "heic", (4032, 3024)),
            (phone_picture(brand=b"mif1"), "heic", (4032, 3024)),
            (phone_picture(brand=b"mif1").replace(b"mif1heic", b"mif1miaf"), "heif", (4032, 3024)),
        ],
        ids=["libheif", "wide ids", "by a compatible brand", "heif"],
    )
    def test_kind_and_size_are_read(self, body: bytes, kind: str, size: tuple[int, int]) -> None:
        """From the boxes of the primary item."""
        found = inspect_header(body, max_pixels=64_000_000)
        assert (found.media_type, found.extension) == (f"image/{kind}", kind)
        assert (found.width, found.height) == size

    def test_the_pixel_limit_holds(self) -> None:
        """It is never decoded here, and elsewhere it is."""
        with pytest.raises(PictureRejected) as caught:
            inspect_header(phone_picture(), max_pixels=4032 * 3024 - 1)
        assert caught.value.code == "too_large"

    @pytest.mark.parametrize(
        "body",
        [
            LIBHEIF[:200],
            phone_picture()[:-3],
            phone_picture().replace(b"pitm", b"free"),
            phone_picture().replace(b"ispe", b"free"),
            box(b"ftyp", b"heic", bytes(4)) + box(b"free") * 200_000,
            box(b"ftyp", b"heic", bytes(4)) + struct.pack(">I4sQ", 1, b"free", 3),
            box(b"ftyp", b"heic", bytes(4)) + struct.pack(">I4s", 2**31, b"meta"),
        ],
        ids=range(7),
    )
    def test_what_is_cut_or_senseless_is_refused(self, body: bytes) -> None:
        """As a client's mistake, and soon."""
        with pytest.raises(InvalidSubmission, match="cut off or damaged"):
            parse_references("image", f"data:image/heic;base64,{base64.b64encode(body).decode()}")

    @given(st.integers(0, len(LIBHEIF) - 1), st.integers(0, 255))
    def test_no_byte_makes_it_raise_something_else(self, at: int, value: int) -> None:
        """The file is a stranger's."""
        damaged = bytearray(LIBHEIF)
        damaged[at] = value
        try:
            announced_size(io.BytesIO(bytes(damaged)))
        except (ValueError, LookupError, ArithmeticError, struct.error):
            return

    @pytest.mark.parametrize(
        "body", [b"\0\0\0\x14ftypisom\0\0\0\0mp42", b"\0\0\0\x10ftypqt  \0\0\0\0heic", b"ftyp"]
    )
    def test_a_film_is_no_picture(self, body: bytes) -> None:
        """The container is the same; brands outside the first box do not count."""
        assert boxed_kind(body) is None
