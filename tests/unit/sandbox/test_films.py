"""The film maker and the composer."""

from __future__ import annotations

import io
import subprocess
import sys
import wave

import av
import pytest
from PIL import Image, ImageChops, ImageStat

from danqing_providers.sandbox.films import encode_mp3, paint_film, paint_last_frame
from danqing_providers.sandbox.painter import Commission
from danqing_providers.sandbox.sounds import as_wav, compose

SMALL = Commission(prompt="江南春色", width=192, height=108, output_format="mp4", watermark=False)


class TestFilm:
    """A film that plays: of the asked size, length, and streams."""

    @pytest.mark.parametrize("sound", [False, True])
    def test_streams(self, sound: bool) -> None:
        """H.264, 24 frames a second, every frame; AAC where it is asked for."""
        with av.open(io.BytesIO(paint_film(SMALL, 1.5, sound=sound))) as film:
            (picture,) = film.streams.video
            assert (picture.codec_context.name, picture.codec_context.pix_fmt) == ("h264", "yuv420p")
            assert (picture.width, picture.height, picture.frames) == (192, 108, 36)
            assert picture.average_rate == 24
            assert [voice.codec_context.name for voice in film.streams.audio] == (["aac"] if sound else [])
            assert sum(1 for _ in film.decode(video=0)) == 36

    def test_index_comes_first(self) -> None:
        """A browser can begin before it has all."""
        film = paint_film(SMALL, 0.5, sound=False)
        assert film.index(b"moov") < film.index(b"mdat")

    def test_same_again(self) -> None:
        """The same commission gives the same bytes; another prompt another film."""
        film = paint_film(SMALL, 0.5, sound=True)
        assert paint_film(SMALL, 0.5, sound=True) == film
        other = Commission(prompt="雪山", width=192, height=108, output_format="mp4", watermark=False)
        assert paint_film(other, 0.5, sound=True) != film

    def test_moves(self) -> None:
        """The first frame is not the last."""
        with av.open(io.BytesIO(paint_film(SMALL, 1, sound=False))) as film:
            frames = [frame.to_image() for frame in film.decode(video=0)]
        assert _difference(frames[0], frames[-1]) > 4

    def test_last_frame(self) -> None:
        """It is what the film ends with, as a picture of its size."""
        still = Commission(prompt="江南春色", width=192, height=108, output_format="png", watermark=False)
        picture = Image.open(io.BytesIO(paint_last_frame(still, 1)))
        with av.open(io.BytesIO(paint_film(SMALL, 1, sound=False))) as film:
            *_, last = (frame.to_image() for frame in film.decode(video=0))
        assert picture.size == last.size
        assert _difference(picture.convert("RGB"), last) < 8

    def test_quicktime(self) -> None:
        """A film can be QuickTime."""
        commission = Commission(prompt="x", width=64, height=64, output_format="mov")
        assert paint_film(commission, 0.2, sound=False)[4:12] == b"ftypqt  "

    def test_nobody_loads_the_library_for_pictures(self) -> None:
        """The sandbox's application does not import PyAV."""
        modules = "danqing_providers.sandbox.app, danqing_providers.sandbox.ark.dialect"
        code = f"import sys, {modules}; assert 'av' not in sys.modules"
        subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


class TestSound:
    """Short pieces."""

    def test_wav(self) -> None:
        """As long as asked, and not silent."""
        samples = compose("江南春色", 1.5)
        with wave.open(io.BytesIO(as_wav(samples))) as file:
            assert (file.getnframes(), file.getframerate(), file.getnchannels()) == (36_000, 24_000, 1)
        assert len(set(samples)) > 100

    def test_mp3(self) -> None:
        """A decoder gets about as much of it back."""
        with av.open(io.BytesIO(encode_mp3(compose("x", 2)))) as file:
            heard = sum(frame.samples for frame in file.decode(audio=0))
        assert heard == pytest.approx(48_000, abs=3_000)


def _difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two pictures, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3
