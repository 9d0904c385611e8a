"""Headers that promise more pixels than the data hold."""

from __future__ import annotations

import io
import re
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from danqing_server.assets.inspection import inspect_whole
from danqing_server.errors import PictureRejected
from tests.unit.assets.pictures import picture

KINDS = [
    {},
    {"progressive": True},
    {"optimize": True},
    {"subsampling": 0},
    {"restart_marker_blocks": 3},
    {"restart_marker_rows": 1, "progressive": True},
]
NAMES = ["baseline", "progressive", "optimized", "4:4:4", "restarts", "restarts progressive"]


def promising(body: bytes, width: int, height: int) -> bytes:
    """Return a JPEG whose header says another size than its data have."""
    frame = re.search(rb"\xff[\xc0-\xc2]\0[\x0b\x11\x14]\x08", body)
    assert frame is not None
    return body[: frame.end()] + struct.pack(">HH", height, width) + body[frame.end() + 4 :]


def jpeg(drawn: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    drawn.save(file, "JPEG", **options)
    return file.getvalue()


def is_taken(tmp_path: Path, body: bytes) -> bool:
    path = tmp_path / "picture"
    path.write_bytes(body)
    try:
        inspect_whole(path, max_pixels=64_000_000)
    except PictureRejected as error:
        assert error.code == "truncated"  # noqa: PT017 - both ways out are what the callers ask for
        return False
    return True


class TestE14HollowJpegs:
    """E14: a picture of which most is missing is not `completed`, although libjpeg paints it grey and goes on."""

    @pytest.mark.parametrize("options", KINDS, ids=NAMES)
    @pytest.mark.parametrize("size", [(8000, 8000), (64, 96), (80, 64), (64, 65)])
    def test_more_pixels_than_data_are_refused(
        self, tmp_path: Path, options: dict[str, object], size: tuple[int, int]
    ) -> None:
        """Whether it is most of the picture or one row of blocks."""
        assert not is_taken(tmp_path, promising(picture("jpeg", 64, 64, **options), *size))

    @pytest.mark.parametrize("options", KINDS, ids=NAMES)
    @pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
    @pytest.mark.parametrize("colour", [0, 128, 255])
    def test_one_colour_is_a_picture(
        self, tmp_path: Path, options: dict[str, object], mode: str, colour: int
    ) -> None:
        """Of the least data there can be; mid grey looks like what is missing, and is not taken for it."""
        for size in ((1, 1), (17, 33), (801, 602)):
            assert is_taken(tmp_path, jpeg(Image.new("L", size, colour).convert(mode), **options))

    def test_a_large_one_of_one_colour_is_a_picture(self, tmp_path: Path) -> None:
        """64 million pixels in some bits each block."""
        body = jpeg(Image.new("RGB", (8000, 8000), (128, 128, 128)), optimize=True)
        assert len(body) < 400_000
        assert is_taken(tmp_path, body)

    @pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
    def test_a_cut_scan_with_an_end_mark_is_refused(self, tmp_path: Path, part: float) -> None:
        """As whoever repairs a broken download writes it."""
        body = picture("jpeg", 640, 480)
        scan = body.rindex(b"\xff\xda")
        assert not is_taken(tmp_path, body[: scan + int((len(body) - scan) * part)] + b"\xff\xd9")

    def test_bytes_behind_the_end_are_no_scan(self, tmp_path: Path) -> None:
        """A grey bottom has the scans looked for; what a camera appends is not one."""
        drawn = Image.effect_noise((64, 64), 60)
        drawn.paste(128, (0, 32, 64, 64))
        assert is_taken(tmp_path, jpeg(drawn) + b"\xff\xd8\xff\xda\0\x02" + bytes(range(256)) * 20)


class TestScans:
    """A JPEG may come in many scans, and each is decoded over all of its pixels."""

    def with_scans(self, more: int) -> bytes:
        """Return a progressive JPEG whose last scan, of few bytes, comes so often more."""
        body = jpeg(Image.new("L", (256, 256), 100), progressive=True)
        start, end = body.rindex(b"\xff\xda"), body.rindex(b"\xff\xd9")
        return body[:end] + body[start:end] * more + body[end:]

    def test_as_many_as_writers_make_are_taken(self, tmp_path: Path) -> None:
        """Some split each band of frequencies and each bit."""
        assert is_taken(tmp_path, self.with_scans(60))

    def test_thousands_are_refused_undecoded(self, tmp_path: Path) -> None:
        """Of 64 million pixels each would take 24 ms; a megabyte of them three minutes of a processor."""
        path = tmp_path / "picture"
        path.write_bytes(self.with_scans(10_000))
        with pytest.raises(PictureRejected) as caught:
            inspect_whole(path, max_pixels=64_000_000)
        assert caught.value.code == "too_large"


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "filling": lambda body: body[:-2] + b"\xff" * 50_000 + b"\0\xff\xd9" + b"\xff\xda\0" * 150,
    "filling in grey": lambda body: body[:-2] + b"\xff" * 50_000 + b"\0\xff\xd9",
    "comments": lambda body: body[:-2] + b"\xff\xfe\0\2" * 4_000_000 + b"\xff\xd9" + b"\xff\xda\0" * 150,
}
"""What can be done to the end of a JPEG that decodes."""


class TestHostileScans:
    """Behind a JPEG's pixels there may be anything, and the whole of it is looked through."""

    @pytest.mark.parametrize("name", HOSTILE)
    def test_what_follows_the_pixels_is_looked_at_once(self, tmp_path: Path, name: str) -> None:
        """100 KB of filling kept a process from doing anything else for more than a minute."""
        body = HOSTILE[name](jpeg(Image.new("RGB", (16, 16), (128, 128, 128))))
        began_s = time.process_time()
        is_taken(tmp_path, body)
        assert time.process_time() - began_s < 1.5

    def test_restart_marks_take_no_memory(self, tmp_path: Path) -> None:
        """Each took fifty bytes for its two: 1.8 GB for the largest upload."""
        grey = jpeg(Image.new("RGB", (16, 16), (128, 128, 128)))
        body = grey[:-2] + b"\xff\xd0" * 1_000_000 + b"\xff\xd9"
        tracemalloc.start()
        try:
            assert is_taken(tmp_path, body)
            _, most_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most_bytes < 4 * len(body)

    @pytest.mark.parametrize("restarts", range(1, 12))
    def test_grey_is_told_from_what_is_missing_whatever_restart_comes_next(
        self, tmp_path: Path, restarts: int
    ) -> None:
        """Marks are numbered from 0 to 7, over and over."""
        grey = Image.new("L", (8 * (restarts + 1), 8), 128)
        body = jpeg(grey, restart_marker_blocks=1)
        assert len(re.findall(rb"\xff[\xd0-\xd7]", body)) == restarts
        assert is_taken(tmp_path, body)
        assert not is_taken(tmp_path, promising(body, grey.width, 16))


class TestMovingPictures:
    """Of a GIF only the first frame is decoded; the others have to be there."""

    def moving(self, frames: int = 4, **options: object) -> bytes:
        """Return a GIF of noisy frames."""
        # The same each time: a cut right between two blocks is none that can be seen.
        drawn = [Image.frombytes("L", (96, 64), Random(number).randbytes(96 * 64)) for number in range(frames)]
        file = io.BytesIO()
        drawn[0].save(file, "GIF", save_all=True, append_images=drawn[1:], duration=80, **options)
        return file.getvalue()

    @pytest.mark.parametrize("options", [{}, {"loop": 0, "comment": b"made" * 100}, {"interlace": 0}])
    @pytest.mark.parametrize("frames", [1, 2, 9])
    def test_a_whole_one_is_taken(self, tmp_path: Path, frames: int, options: dict[str, object]) -> None:
        """With loops, comments, and tables of colours of its own."""
        assert is_taken(tmp_path, self.moving(frames, **options))

    @pytest.mark.parametrize("part", [0.3, 0.5, 0.75, 0.99])
    def test_one_without_its_last_frames_is_refused(self, tmp_path: Path, part: float) -> None:
        """Although its first frame is whole."""
        body = self.moving()
        assert not is_taken(tmp_path, body[: int(len(body) * part)])

    @pytest.mark.parametrize("ending", [b"", b";appended", b";" * 9, b"\0\0;"])
    def test_what_follows_the_last_frame_is_no_harm(self, tmp_path: Path, ending: bytes) -> None:
        """Some writers leave out the end mark, and some go on behind it."""
        assert is_taken(tmp_path, self.moving().removesuffix(b";") + ending)
