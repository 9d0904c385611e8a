"""What is taken for a picture, and what is seen to be cut off."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from danqing_server.assets.inspection import Inspection, inspect_header, inspect_whole
from danqing_server.errors import PictureRejected
from tests.unit.assets.pictures import FORMATS, bitmap_header, picture

MOST = 64_000_000


def whole(tmp_path: Path, body: bytes, max_pixels: int = MOST) -> Inspection:
    path = tmp_path / "picture"
    path.write_bytes(body)
    return inspect_whole(path, max_pixels=max_pixels)


def png_header(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + b"\0\1\0\0IDAT"
    )


def webp_header(kind: bytes, start: bytes) -> bytes:
    chunk = kind + struct.pack("<I", 1000) + start
    return b"RIFF" + struct.pack("<I", 1012) + b"WEBP" + chunk + bytes(16)


def many_tags(count: int) -> bytes:
    """Return a TIFF that says of each of its many tags that it has a gigabyte."""
    body = bytearray(picture("tiff"))
    (directory,) = struct.unpack_from("<I", body, 4)
    (own,) = struct.unpack_from("<H", body, directory)
    struct.pack_into("<I", body, 4, len(body))
    wild = b"".join(struct.pack("<HHII", 5000 + number, 2, 2**30, 8) for number in range(count - own))
    return bytes(body + struct.pack("<H", count) + body[directory + 2 : directory + 2 + 12 * own] + wild + bytes(4))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def interlaced(side: int = 1, piece_bytes: int = 2**20) -> bytes:
    """Return a black PNG that only a decoder can prove, its data stored in pieces; without its end."""
    passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
    rows = [(len(range(top, side, down)), len(range(left, side, right))) for top, down, left, right in passes]
    data = zlib.compress(bytes(sum(count * (1 + width) for count, width in rows if width)), level=0)
    pieces = b"".join(
        chunk(b"IDAT", data[start : start + piece_bytes]) for start in range(0, len(data), piece_bytes)
    )
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 1)) + pieces


class TestWhole:
    """A picture is taken by its own bytes, and only whole."""

    @pytest.mark.parametrize("format_", FORMATS)
    def test_each_format_is_recognised(self, tmp_path: Path, format_: str) -> None:
        """Format and size come from the bytes."""
        expected = Inspection(media_type=f"image/{format_}", extension=format_, width=96, height=64)
        assert whole(tmp_path, picture(format_)) == expected

    def test_a_progressive_jpeg_is_taken(self, tmp_path: Path) -> None:
        """The scaled decode knows progressive files too."""
        assert whole(tmp_path, picture("jpeg", progressive=True)).extension == "jpeg"

    def test_the_size_reported_is_not_the_decoded_one(self, tmp_path: Path) -> None:
        """A JPEG is decoded small, and reported at its own size."""
        assert whole(tmp_path, picture("jpeg", 1000, 501)).height == 501

    @pytest.mark.parametrize("format_", FORMATS)
    @pytest.mark.parametrize("part", [0.02, 0.3, 0.5, 0.9, 0.97])
    def test_a_cut_is_seen(self, tmp_path: Path, format_: str, part: float) -> None:
        """Wherever the file breaks off, it is called truncated."""
        body = picture(format_, 400, 300)
        with pytest.raises(PictureRejected) as caught:
            whole(tmp_path, body[: int(len(body) * part)])
        assert caught.value.code == "truncated"

    @pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
    @pytest.mark.parametrize("missing", [1, 2, 3, 12, 20])
    def test_a_jpeg_without_its_last_bytes_is_cut(
        self, tmp_path: Path, missing: int, options: dict[str, object]
    ) -> None:
        """Even when every pixel is still there."""
        with pytest.raises(PictureRejected) as caught:
            whole(tmp_path, picture("jpeg", 400, 300, **options)[:-missing])
        assert caught.value.code == "truncated"

    @pytest.mark.parametrize("missing", [1, 4, 12, 16, 20])
    def test_a_png_without_its_last_bytes_is_cut(self, tmp_path: Path, missing: int) -> None:
        """Even when every pixel is still there."""
        with pytest.raises(PictureRejected) as caught:
            whole(tmp_path, picture("png", 400, 300)[:-missing])
        assert caught.value.code == "truncated"

    @pytest.mark.parametrize("format_", FORMATS)
    def test_bytes_after_the_end_are_let_pass(self, tmp_path: Path, format_: str) -> None:
        """Cameras and editors append things; every pixel is there all the same."""
        assert whole(tmp_path, picture(format_) + bytes(5000)).width == 96

    def test_damage_inside_a_png_is_seen(self, tmp_path: Path) -> None:
        """The compressed stream's own check fails."""
        body = bytearray(picture("png", 400, 300))
        body[len(body) // 2] ^= 0xFF
        with pytest.raises(PictureRejected) as caught:
            whole(tmp_path, bytes(body))
        assert caught.value.code == "truncated"

    @pytest.mark.parametrize(
        "body",
        [b"<html><body>503</body></html>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"{}", b"%PDF-1.7", b"B"],
        ids=["html", "svg", "json", "pdf", "one byte"],
    )
    def test_what_is_no_picture_is_said_so(self, tmp_path: Path, body: bytes) -> None:
        """Markup counts as no picture, whatever a browser would paint."""
        with pytest.raises(PictureRejected) as caught:
            whole(tmp_path, body)
        assert caught.value.code == "not_a_picture"

    @pytest.mark.parametrize("format_", FORMATS)
    def test_the_pixel_limit_is_inclusive(self, tmp_path: Path, format_: str) -> None:
        """Exactly the limit passes, one less does not."""
        assert whole(tmp_path, picture(format_), max_pixels=96 * 64).width == 96
        with pytest.raises(PictureRejected) as caught:
            whole(tmp_path, picture(format_), max_pixels=96 * 64 - 1)
        assert caught.value.code == "too_large"


class TestE14Avif:
    """E14: a paid AVIF is kept, by FORMATS above; HEIC, which nothing here decodes, is told apart from rubbish."""

    def test_a_heic_answer_says_why_it_is_not_kept(self, tmp_path: Path) -> None:
        """`completed` means that the picture was seen to be whole."""
        with pytest.raises(PictureRejected, match="cannot be decoded here") as caught:
            whole(tmp_path, b"\0\0\0\x14ftypheic\0\0\0\0mif1")
        assert caught.value.code == "not_a_picture"


class TestBombs:
    """A header that promises more than is allowed is enough; nothing is decoded."""

    @pytest.mark.parametrize(
        "body",
        [
            png_header(60_000, 60_000),
            bitmap_header(30_000, 30_000),
            webp_header(b"VP8X", bytes(4) + (9_999).to_bytes(3, "little") * 2),
            webp_header(b"VP8L", b"\x2f" + (9_999 | 9_999 << 14).to_bytes(4, "little")),
            webp_header(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + (10_000).to_bytes(2, "little") * 2),
        ],
        ids=["png", "bmp", "webp extended", "webp lossless", "webp lossy"],
    )
    def test_a_huge_size_is_refused_by_its_header(self, tmp_path: Path, body: bytes) -> None:
        """The code is too_large, not truncated: the pixels were never looked for."""
        with pytest.raises(PictureRejected) as in_file:
            whole(tmp_path, body)
        with pytest.raises(PictureRejected) as in_memory:
            inspect_header(body, max_pixels=MOST)
        assert [in_file.value.code, in_memory.value.code] == ["too_large"] * 2

    def test_pillows_own_limit_does_not_stand_in_the_way(self, tmp_path: Path) -> None:
        """A picture above Pillow's warning limit, and its error limit, passes when the setting allows it."""
        assert inspect_header(bitmap_header(20_000, 10_000), max_pixels=10**9).width == 20_000


NO_CHUNK = chunk(b"teSt", b"")
PIECES = {
    "jpeg_filling": b"\xff\xd8" + b"\xff" * 8_000_000,
    "jpeg_segments": b"\xff\xd8" + b"\xff\xe1\x00\x02" * 2_000_000,
    "jpeg_exif": b"\xff\xd8" + (b"\xff\xe1" + struct.pack(">H", 1508) + b"Exif\0\0" + bytes(1500)) * 12_000,
    "png_chunks": png_header(8, 8)[:33] + NO_CHUNK * 800_000,
}
"""Pictures that begin, and never come to their pixels."""


class TestPieces:
    """A header of a million pieces costs no more time than one of many."""

    @pytest.mark.parametrize("name", PIECES)
    def test_a_header_that_goes_on_and_on_is_refused(self, name: str) -> None:
        """64 MB of it kept a process busy for half a minute."""
        began_s = time.process_time()
        with pytest.raises(PictureRejected):
            inspect_header(PIECES[name], max_pixels=MOST)
        assert time.process_time() - began_s < 0.7

    def test_exif_of_a_few_megabytes_is_taken(self) -> None:
        """In pieces as large as they may be, with previews of cameras in them."""
        segment = b"\xff\xe1" + struct.pack(">H", 65_535) + b"Exif\0\0" + bytes(65_527)
        body = picture("jpeg")
        assert inspect_header(body[:2] + segment * 128 + body[2:], max_pixels=MOST).width == 96

    def test_pieces_behind_the_pixels_are_too_many_as_well(self, tmp_path: Path) -> None:
        """A decoder reads on to the end, whatever stands before it: 64 MB of it took a quarter of a minute."""
        few, many = (interlaced() + NO_CHUNK * count + chunk(b"IEND", b"") for count in (250_000, 2_000_000))
        used_s = []
        for body in (few, many):
            began_s = time.process_time()
            with pytest.raises(PictureRejected):
                whole(tmp_path, body)
            used_s.append(time.process_time() - began_s)
        assert used_s[1] < 4 * used_s[0]  # eight times as many

    def test_a_png_in_pieces_of_a_kilobyte_is_taken(self, tmp_path: Path) -> None:
        """Some writers make them so small; what a decoder has to read for its pixels may be long."""
        assert whole(tmp_path, interlaced(2048, 1024) + chunk(b"IEND", b"")).width == 2048


class TestE14Tags:
    """E14: a file that is all tags costs neither time nor log."""

    def test_a_directory_beyond_libtiffs_limit_is_refused(self, tmp_path: Path) -> None:
        """As a reference and as an answer."""
        body = many_tags(4097)
        for inspect in (lambda: whole(tmp_path, body), lambda: inspect_header(body, max_pixels=MOST)):
            with pytest.raises(PictureRejected, match="4097 tags"):
                inspect()

    def test_nothing_is_written_about_what_tags_say(self) -> None:
        """A process that logs as the server does keeps silent over 4000 of them, and takes the picture."""
        script = (
            "import sys\n"
            "from danqing_server.assets.inspection import inspect_header\n"
            "from danqing_server.log import configure_logging\n"
            "configure_logging('debug')\n"
            "print(inspect_header(sys.stdin.buffer.read(), max_pixels=99999).width)\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", script], input=many_tags(4000), capture_output=True, check=True
        )
        assert (ended.stdout, ended.stderr) == (b"96\n", b"")


class TestHeader:
    """References are looked at, not decoded."""

    @pytest.mark.parametrize("format_", FORMATS)
    def test_size_and_format_are_read(self, format_: str) -> None:
        """As in a file."""
        found = inspect_header(picture(format_, 31, 17), max_pixels=MOST)
        assert (found.media_type, found.width, found.height) == (f"image/{format_}", 31, 17)

    def test_a_cut_header_is_truncated(self) -> None:
        """It begins as a PNG, and there it ends."""
        with pytest.raises(PictureRejected) as caught:
            inspect_header(picture("png")[:20], max_pixels=MOST)
        assert caught.value.code == "truncated"
