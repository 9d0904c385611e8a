"""The film maker: a slow pan over a painting that is a little larger than the film.

The painting is turned into luma and chroma once; each frame is three crops of it, so that most of the time goes to
the encoder. H.264 in MP4 or QuickTime, 8 bits, 24 frames a second, the index first, with AAC where sound is asked
for: what every browser plays. Needs PyAV (the extra `video`); imported by the first film.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import attrs
import av
from PIL import Image

from danqing_providers.sandbox.glyphs import add_watermark
from danqing_providers.sandbox.painter import Commission, draw, encode
from danqing_providers.sandbox.sounds import RATE_HZ, compose

__all__ = ["FRAMES_PER_S", "encode_mp3", "paint_film", "paint_last_frame"]

FRAMES_PER_S: Final = 24
_MARGIN: Final = 0.12
"""How much larger the painting is than the film: what the pan goes over."""

_CRF: Final = "29"
_WHITE: Final = 235


def paint_film(commission: Commission, seconds: float, *, sound: bool) -> bytes:
    """Return the film. Takes CPU, most of it without the interpreter's lock: call it in a thread.

    `output_format` of *commission* is `mp4` or `mov`; its width and height are even.
    """
    frames = max(1, round(seconds * FRAMES_PER_S))
    reel = _Reel(commission, frames)
    # The index can only be brought to the front in a file that has a name.
    with tempfile.TemporaryDirectory(prefix="danqing-film-") as folder:
        path = Path(folder) / f"film.{commission.output_format}"
        _encode(path, reel, compose(commission.prompt, frames / FRAMES_PER_S) if sound else b"")
        return path.read_bytes()


def paint_last_frame(commission: Commission, seconds: float) -> bytes:
    """Return the picture in which the film of *commission* ends, in `output_format`, without a watermark."""
    frames = max(1, round(seconds * FRAMES_PER_S))
    painting, path = _painting(commission), _Pan(commission, frames)
    left, top = path.corner(frames - 1)
    frame = painting.crop((left, top, left + commission.width, top + commission.height))
    return encode(frame, commission.output_format)


def _painting(commission: Commission) -> Image.Image:
    width, height = _with_margin(commission.width), _with_margin(commission.height)
    return draw(attrs.evolve(commission, width=width, height=height, watermark=False))


def _with_margin(side: int) -> int:
    return math.ceil(side * (1 + _MARGIN) / 2) * 2


class _Pan:
    """Where the film's frame is on the painting: from one corner to the other, slow at both ends."""

    def __init__(self, commission: Commission, frames: int) -> None:
        dice = commission.dice()
        self._room = (
            _with_margin(commission.width) - commission.width,
            _with_margin(commission.height) - commission.height,
        )
        self._from = (dice.random() < 0.5, dice.random() < 0.5)
        self._frames = frames

    def corner(self, number: int) -> tuple[int, int]:
        """Return the left upper corner of frame *number*."""
        share = (1 - math.cos(math.pi * number / max(1, self._frames - 1))) / 2
        left, top = (
            round(room * (1 - share if far else share)) for room, far in zip(self._room, self._from, strict=True)
        )
        return left, top


class _Reel:
    """The frames of one film."""

    def __init__(self, commission: Commission, frames: int) -> None:
        self.width, self.height, self.frames = commission.width, commission.height, frames
        self._pan = _Pan(commission, frames)
        picture = _frame_of(_painting(commission)).reformat(format="yuv420p")
        self._planes = [
            Image.frombuffer("L", (plane.width, plane.height), bytes(plane), "raw", "L", plane.line_size, 1)
            for plane in picture.planes
        ]
        self._mark = _watermark(self.width, self.height) if commission.watermark else None

    def frame(self, number: int) -> av.VideoFrame:
        """Return frame *number*."""
        left, top = self._pan.corner(number)
        frame = av.VideoFrame(self.width, self.height, "yuv420p")
        for index, (plane, source) in enumerate(zip(frame.planes, self._planes, strict=True)):
            x, y = (left, top) if index == 0 else (left // 2, top // 2)
            # As wide as the encoder's lines are, whatever is in the rest of each.
            cut = source.crop((x, y, x + plane.line_size, y + plane.height))
            if index == 0 and self._mark is not None:
                mask, corner = self._mark
                cut.paste(_WHITE, corner, mask)
            plane.update(cut.tobytes())
        frame.pts = number
        frame.time_base = Fraction(1, FRAMES_PER_S)
        return frame


def _frame_of(image: Image.Image) -> av.VideoFrame:
    make: Callable[[Image.Image], av.VideoFrame] = av.VideoFrame.from_image  # PyAV leaves it untyped
    return make(image)


def _watermark(width: int, height: int) -> tuple[Image.Image, tuple[int, int]] | None:
    """Return the watermark as a mask, and where it is; None where it has no room."""
    canvas = Image.new("RGB", (width, height))
    add_watermark(canvas)
    mask = canvas.convert("L")
    box = mask.getbbox()
    return None if box is None else (mask.crop(box), (box[0], box[1]))


def _encode(path: Path, reel: _Reel, samples: bytes) -> None:
    with av.open(str(path), "w", options={"movflags": "+faststart", "fflags": "+bitexact"}) as container:
        picture: Any = container.add_stream("libx264", rate=FRAMES_PER_S)
        picture.width, picture.height, picture.pix_fmt = reel.width, reel.height, "yuv420p"
        picture.codec_context.thread_count = 2  # the same everywhere: the bytes depend on it
        picture.options = {"preset": "ultrafast", "crf": _CRF, "flags": "+bitexact"}
        voice: Any = container.add_stream("aac", rate=RATE_HZ, layout="mono") if samples else None
        for number in range(reel.frames):
            container.mux(picture.encode(reel.frame(number)))
        container.mux(picture.encode())
        if voice is not None:
            _add_sound(container, voice, samples)


def encode_mp3(samples: bytes) -> bytes:
    """Return *samples*, as `sounds.compose` gives them, as MP3."""
    with tempfile.TemporaryDirectory(prefix="danqing-sound-") as folder:
        path = Path(folder) / "sound.mp3"
        with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
            _add_sound(container, container.add_stream("libmp3lame", rate=RATE_HZ, layout="mono"), samples)
        return path.read_bytes()


def _add_sound(container: Any, voice: Any, samples: bytes) -> None:
    frame = av.AudioFrame(format="s16", layout="mono", samples=len(samples) // 2)
    frame.planes[0].update(samples)
    frame.sample_rate, frame.pts = RATE_HZ, 0
    # Both encoders take planes of floats, in portions of a size of their own.
    portion = 1024 if voice.codec_context.name == "aac" else 576
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ, frame_size=portion)
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(voice.encode(part))
    container.mux(voice.encode())
