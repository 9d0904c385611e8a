"""The still picture that stands for a video until it plays."""

from __future__ import annotations

import io
from typing import Any

import attrs
from PIL import Image

__all__ = ["Poster", "PosterChoice"]

LONGEST_SIDE = 1280
QUALITY = 85
WANTED_AT_S = 0.5
LATEST_S = 3.0
DARK = 20  # of 255: what fades in from black is darker
SAMPLE = (64, 36)


@attrs.frozen(kw_only=True)
class Poster:
    """A JPEG."""

    body: bytes = attrs.field(repr=False)
    extension: str = "jpeg"


@attrs.define
class PosterChoice:
    """Looks at frames from the first on, and takes the first from 0.5 s on that is not black.

    When there is none within 3 s, the brightest it saw. `size` is how large the video is shown, once a frame was
    looked at.
    """

    size: tuple[int, int] | None = attrs.field(default=None, init=False)
    made: bool = attrs.field(default=False, init=False)
    _best: Image.Image | None = attrs.field(default=None, init=False)
    _brightness: float = attrs.field(default=-1.0, init=False)
    _looked_at_s: float = attrs.field(default=float("-inf"), init=False)

    def look_at(self, frame: Any) -> None:
        """Consider PyAV's *frame*; what is not needed is not converted."""
        at_s = float(frame.time or 0.0)
        if self.made or (self._best is not None and at_s < min(WANTED_AT_S, self._looked_at_s + 0.2)):
            return
        self._looked_at_s = at_s
        picture = _upright(frame)
        brightness = _brightness(picture)
        self.size = self.size or _shown_size(frame)
        if brightness > self._brightness or brightness > DARK:
            self._best, self._brightness = picture, brightness
        self.made = (at_s >= WANTED_AT_S and brightness > DARK) or at_s >= LATEST_S

    def poster(self) -> Poster | None:
        """Return the poster, None when there was no frame."""
        if self._best is None:
            return None
        with io.BytesIO() as file:
            self._best.save(file, "JPEG", quality=QUALITY)
            return Poster(body=file.getvalue())


def _upright(frame: Any) -> Image.Image:
    """Return *frame* as it is shown, scaled down before anything else: of 4K one picture in RGB has 25 MB."""
    scale = min(1.0, LONGEST_SIDE / max(frame.width, frame.height))
    width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
    picture: Image.Image = frame.to_image(width=width, height=height)
    turned = _turn(frame)
    return picture.rotate(turned, expand=True) if turned else picture


def _shown_size(frame: Any) -> tuple[int, int]:
    return (frame.height, frame.width) if _turn(frame) % 180 else (frame.width, frame.height)


def _turn(frame: Any) -> int:
    """Return by how many degrees it is turned, counter-clockwise."""
    return int(getattr(frame, "rotation", 0) or 0) % 360


def _brightness(picture: Image.Image) -> float:
    small = picture.resize(SAMPLE).convert("L").tobytes()
    return sum(small) / len(small)
