"""A PNG that is said to be whole without being decoded can be decoded, whole."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from danqing_server.assets.inspection import inspect_whole
from danqing_server.assets.pngs import is_proved

SIZE = (67, 41)
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
HEADER_END = 8 + 25


def png(mode: str = "RGB", size: tuple[int, int] = SIZE, **options: object) -> bytes:
    file = io.BytesIO()
    noise = Image.effect_noise(size, 60)
    drawn = Image.new("I;16", size, 999) if mode == "I;16" else noise.convert(mode)
    drawn.save(file, "PNG", **options)
    return file.getvalue()


WHOLE = {mode: png(mode, (9, 5)) for mode in MODES}


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def with_data(whole: bytes, *datas: bytes) -> bytes:
    """Return a PNG's signature and header with other data behind them."""
    return whole[:HEADER_END] + b"".join(chunk(b"IDAT", data) for data in datas) + chunk(b"IEND")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pngs")


def proved(folder: Path, body: bytes) -> bool:
    path = folder / "picture.png"
    path.write_bytes(body)
    with path.open("rb") as file:
        return is_proved(file)


def pixels(body: bytes) -> bytes:
    with Image.open(io.BytesIO(body)) as picture:
        return picture.tobytes()


class TestProved:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("size", [SIZE, (1, 1), (1, 300), (2000, 3)])
    def test_whole_ones_of_every_kind(self, folder: Path, mode: str, size: tuple[int, int]) -> None:
        """Every depth and number of samples that Pillow writes."""
        assert proved(folder, png(mode, size))

    def test_data_in_many_pieces(self, folder: Path) -> None:
        """Cut anywhere, an empty one among them; chunks that nobody needs stand in front and behind."""
        whole = png()
        rows = (1 + 3 * SIZE[0]) * SIZE[1]
        data = zlib.compress(bytes(rows), 9)
        pieces = [data[:1], b"", data[1:7], data[7:]]
        body = with_data(whole, *pieces)
        body = (
            body[:HEADER_END]
            + chunk(b"tEXt", b"a\0b")
            + body[HEADER_END:-12]
            + chunk(b"tIME", bytes(7))
            + body[-12:]
        )
        assert proved(folder, body)
        assert not any(pixels(body))

    def test_more_than_a_piece_of_pixels(self, folder: Path) -> None:
        """Rows lie across the pieces that are inflated at once."""
        assert proved(folder, png("RGB", (1021, 1033)))


class TestNotProved:
    @pytest.mark.parametrize("rows", [SIZE[1] - 1, SIZE[1] + 1, 0, 40_000])
    def test_another_number_of_rows(self, folder: Path, rows: int) -> None:
        """Too few, too many, or a bomb."""
        assert not proved(folder, with_data(png(), zlib.compress(bytes((1 + 3 * SIZE[0]) * rows))))

    def test_a_filter_that_there_is_not(self, folder: Path) -> None:
        """Of the last row alone."""
        stride = 1 + 3 * SIZE[0]
        rows = bytearray(stride * SIZE[1])
        rows[-stride] = 5
        assert not proved(folder, with_data(png(), zlib.compress(rows)))

    @pytest.mark.parametrize("size", range(1, 5000, 97))
    def test_a_part(self, folder: Path, size: int) -> None:
        """Cut anywhere."""
        assert not proved(folder, png()[:size])

    def test_a_palette_that_is_missing(self, folder: Path) -> None:
        """Its pixels have no colour."""
        whole = png("P")
        at = whole.index(b"PLTE") - 4
        length = int.from_bytes(whole[at : at + 4])
        assert not proved(folder, whole[:at] + whole[at + 12 + length :])

    def test_data_that_are_not_together(self, folder: Path) -> None:
        """Another chunk between them."""
        data = zlib.compress(bytes((1 + 3 * SIZE[0]) * SIZE[1]))
        apart = chunk(b"IDAT", data[:9]) + chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", data[9:])
        assert not proved(folder, png()[:HEADER_END] + apart + chunk(b"IEND"))

    @pytest.mark.parametrize("body", [b"\x89PNG\r\n\x1a\n", b"GIF89a" * 9, chunk(b"IHDR", bytes(13)) * 3])
    def test_something_else(self, folder: Path, body: bytes) -> None:
        """It has the marks of one at most."""
        assert not proved(folder, body)


@given(data=st.data())
def test_what_is_proved_can_be_decoded(data: st.DataObject, folder: Path) -> None:
    """Whatever byte is another, and whatever is missing or twice there: the pixels are those that were drawn."""
    whole = WHOLE[data.draw(st.sampled_from(MODES))]
    at = data.draw(st.integers(0, len(whole) - 1))
    damage = data.draw(st.sampled_from(["flip", "drop", "twice"]))
    odd = bytes([whole[at] ^ data.draw(st.integers(1, 255))])
    middle = {"flip": odd, "drop": b"", "twice": whole[at : at + 1] * 2}[damage]
    body = whole[:at] + middle + whole[at + 1 :]
    if proved(folder, body):
        assert pixels(body) == pixels(whole)


def test_interlaced_ones_are_decoded(folder: Path) -> None:
    """They are rare: the decoder says whether they are whole."""
    # One pixel in the first of seven passes: PNG §8.1.
    header = bytes.fromhex("00000001000000010802000001")
    body = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(4))) + chunk(b"IEND")
    assert not proved(folder, body)
    (folder / "picture.png").write_bytes(body)
    found = inspect_whole(folder / "picture.png", max_pixels=1000)
    assert (found.media_type, found.width, found.height) == ("image/png", 1, 1)
