"""Real videos and sounds, a few kilobytes each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

__all__ = ["film", "sound"]

SAMPLE_RATE = 48_000
REPRODUCIBLE = "threads=1:lookahead-threads=1:mbtree=0"  # by x264's mbtree two runs differ

av: Any = pytest.importorskip("av")


def film(
    format_: str = "mp4",
    *,
    frames: int = 48,
    size: tuple[int, int] = (160, 90),
    fps: int = 24,
    black: int = 0,
    group: int = 250,
    with_sound: bool = False,
    **options: str,
) -> bytes:
    """Return a video: a yellow block that crosses a red ground, the first *black* frames black.

    The same bytes each time. *options* are the muxer's (`movflags="faststart"`).
    """
    codec, sound_codec = ("libvpx-vp9", "libopus") if format_ == "webm" else ("libx264", "aac")
    options = {"fflags": "+bitexact"} | {name: value for name, value in options.items() if value}
    encoding = {} if format_ == "webm" else {"x264-params": REPRODUCIBLE}

    def write(path: str) -> None:
        with av.open(path, "w", format=format_, options=options) as container:
            video = container.add_stream(codec, rate=fps, options=encoding)
            video.width, video.height, video.pix_fmt = *size, "yuv420p"
            video.gop_size = group
            video.codec_context.thread_count = 1
            beside = container.add_stream(sound_codec, rate=SAMPLE_RATE) if with_sound else None
            for number in range(frames):
                drawn = av.VideoFrame.from_image(_frame(number, size, dark=number < black))
                container.mux(video.encode(drawn))
            container.mux(video.encode())
            if beside is not None:
                _add_silence(container, beside, frames / fps)

    return _written(write)


def sound(format_: str = "mp3", *, seconds: float = 1.0) -> bytes:
    """Return a sound without a picture; an `mp4` of it too."""
    codecs = {"mp3": "libmp3lame", "wav": "pcm_s16le", "flac": "flac", "ogg": "libopus", "adts": "aac"}

    def write(path: str) -> None:
        with av.open(path, "w", format=format_, options={"fflags": "+bitexact"}) as container:
            _add_silence(container, container.add_stream(codecs.get(format_, "aac"), rate=SAMPLE_RATE), seconds)

    return _written(write)


def _written(write: Callable[[str], None]) -> bytes:
    """Return what *write* writes to a file: some muxers read theirs again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film"
        write(str(path))
        return path.read_bytes()


def _frame(number: int, size: tuple[int, int], *, dark: bool) -> Image.Image:
    picture = Image.new("RGB", size, (0, 0, 0) if dark else (200, 40, number * 5 % 255))
    if not dark:
        left = number * 4 % size[0]
        ImageDraw.Draw(picture).rectangle((left, 20, left + 40, 60), fill=(255, 255, 0))
    return picture


def _add_silence(container: Any, stream: Any, seconds: float) -> None:
    resampler = av.AudioResampler(format=stream.format or "fltp", layout="stereo", rate=SAMPLE_RATE)
    for number in range(int(seconds * SAMPLE_RATE / 960)):
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=960)
        frame.sample_rate, frame.pts = SAMPLE_RATE, number * 960
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for each in resampler.resample(frame):
            container.mux(stream.encode(each))
    container.mux(stream.encode())
