"""How large a film is, by resolution and ratio.

Source: volcengine.com/docs/82379/1520757, its tables; read 2026-11-28. Not known, and ours: 4k but for 16:9 (twice
the sides of 1080p), 2.5 but for 480p 16:9 and 1:1 (the table of 2.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from danqing_providers.sandbox.ark.sizes import Size
from danqing_providers.sandbox.ark.video.models import VideoModel

__all__ = ["RATIOS", "film_size", "nearest_ratio"]

_NEW: Final[Mapping[str, Mapping[str, tuple[int, int]]]] = {
    "480p": {
        "16:9": (864, 496),
        "4:3": (752, 560),
        "1:1": (640, 640),
        "3:4": (560, 752),
        "9:16": (496, 864),
        "21:9": (992, 432),
    },
    "720p": {
        "16:9": (1280, 720),
        "4:3": (1112, 834),
        "1:1": (960, 960),
        "3:4": (834, 1112),
        "9:16": (720, 1280),
        "21:9": (1470, 630),
    },
    "1080p": {
        "16:9": (1920, 1080),
        "4:3": (1664, 1248),
        "1:1": (1440, 1440),
        "3:4": (1248, 1664),
        "9:16": (1080, 1920),
        "21:9": (2206, 946),
    },
}
_OLD: Final[Mapping[str, Mapping[str, tuple[int, int]]]] = {
    "480p": {
        "16:9": (864, 480),
        "4:3": (736, 544),
        "1:1": (640, 640),
        "3:4": (544, 736),
        "9:16": (480, 864),
        "21:9": (960, 416),
    },
    "720p": {
        "16:9": (1248, 704),
        "4:3": (1120, 832),
        "1:1": (960, 960),
        "3:4": (832, 1120),
        "9:16": (704, 1248),
        "21:9": (1504, 640),
    },
    "1080p": {
        "16:9": (1920, 1088),
        "4:3": (1664, 1248),
        "1:1": (1440, 1440),
        "3:4": (1248, 1664),
        "9:16": (1088, 1920),
        "21:9": (2176, 928),
    },
}
_NEWEST_480P: Final[Mapping[str, tuple[int, int]]] = {"16:9": (854, 480), "9:16": (480, 854)}

RATIOS: Final = tuple(_NEW["720p"])
"""The ratios that can be asked for, beside `adaptive`."""


def film_size(model: VideoModel, resolution: str, ratio: str) -> Size:
    """Return the size of a film of *model*; *ratio* is one of `RATIOS`."""
    if resolution == "4k":
        width, height = _NEW["1080p"][ratio]
        return Size(2 * width, 2 * height)
    if model.task_types and resolution == "480p" and ratio in _NEWEST_480P:
        return Size(*_NEWEST_480P[ratio])
    return Size(*(_OLD if model.old_sizes else _NEW)[resolution][ratio])


def nearest_ratio(shape: float) -> str:
    """Return which of `RATIOS` is nearest to *shape*, width over height."""
    return min(RATIOS, key=lambda ratio: abs(_shape(ratio) - shape))


def _shape(ratio: str) -> float:
    width, height = ratio.split(":")
    return int(width) / int(height)
