"""What a file of video or audio says of itself, before anything is decoded."""

from __future__ import annotations

import attrs

__all__ = ["CutOff", "Structure"]


class CutOff(ValueError):
    """Part of what the container promises is missing, whatever a decoder makes of the rest."""


@attrs.frozen(kw_only=True)
class Structure:
    """The tracks of a container. Sizes are as shown, 0 without a picture; None is what it does not say."""

    has_video: bool = False
    has_audio: bool = False
    width: int = 0
    height: int = 0
    duration_s: float | None = None
    fps: float | None = None
