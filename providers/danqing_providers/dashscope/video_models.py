"""The video models, each with its own table.

Sources, read 2026-11-28: help.aliyun.com/zh/model-studio/text-to-video-api-reference (Wan 2.7, and 2.6 and
before), image-to-video-general-api-reference (Wan 2.7), legacy-image-to-video-api-reference (2.6 and before). No
page confirms the prices, so that there are none here: `prices` in the settings names them.
"""

from __future__ import annotations

from typing import Final

from danqing_plugins import OutputKind, Text
from danqing_plugins.kit.parameters import Choice, References, Size, Whole
from danqing_providers.dashscope.catalogue import Frames, Model, Route

__all__ = ["VIDEO_MODELS", "resolution_of"]

MIB: Final = 1024 * 1024
_480P: Final = ("832*480", "480*832", "624*624")
_720P: Final = ("1280*720", "720*1280", "960*960", "1088*832", "832*1088")
_1080P: Final = ("1920*1080", "1080*1920", "1440*1440", "1632*1248", "1248*1632")
_BY_RESOLUTION: Final = {"480P": _480P, "720P": _720P, "1080P": _1080P}
_TAKES: Final = frozenset({"negative_prompt", "prompt_extend", "watermark", "seed", "audio_url"})
_DEFAULTS: Final = {"prompt_extend": True, "watermark": False}
_LENGTH: Final = Text("Length", "时长")
_LENGTH_OF: Final = Text("How many seconds the video lasts; it is charged by the second", "视频时长，按秒计费")
_SECONDS: Final = Text("s", "秒")
_FORMATS: Final = ("jpeg", "png", "bmp", "webp")


def _lasts(least: int, most: int, *also: int) -> Whole:
    return Whole(
        "duration",
        title=_LENGTH,
        description=_LENGTH_OF,
        unit=_SECONDS,
        least=least,
        most=most,
        also=also,
        default=5,
        group="main",
    )


def _sizes(*allowed: str) -> Size:
    return Size(allowed=allowed, separator="*", default="1920*1080")


def _frame(most_bytes: int, widest: float | None = None) -> References:
    return References(
        title=Text("First frame", "首帧"),
        description=Text("The picture that the video begins with", "视频的第一帧"),
        least=1,
        required=True,
        formats=_FORMATS,
        most_bytes=most_bytes,
        shortest=240,
        longest=8000,
        widest=widest,
    )


_FIVE_OR_TEN: Final = Choice(
    "duration",
    title=_LENGTH,
    description=_LENGTH_OF,
    unit=_SECONDS,
    allowed=(5, 10),
    default=5,
    group="main",
)
_OLD_FRAME: Final = _frame(10 * MIB)
_SECONDS_25: Final = {"480P": 300_000, "720P": 600_000, "1080P": 1_000_000}
"""Not confirmed by a page of the service's own: docs.crazyrouter.com/video/wan, read 2026-11-29."""


def resolution_of(size: str) -> str | None:
    """Return the resolution (`720P`) that an old model's *size* belongs to, None when to none."""
    return next((name for name, sizes in _BY_RESOLUTION.items() if size in sizes), None)


VIDEO_MODELS: Final = (
    Model(
        id="wan3.0-video",
        title=Text("Wan 3.0 Video", "万相 3.0 视频"),
        route=Route.VIDEO,
        kind=OutputKind.VIDEO,
        resolutions=("720P", "1080P"),
        duration=_lasts(2, 30, -1),
        takes=_TAKES | {"ratio"},
        defaults=_DEFAULTS,
    ),
    Model(
        id="wan2.7-t2v",
        title=Text("Wan 2.7, text to video", "万相 2.7 文生视频"),
        route=Route.VIDEO,
        snapshots=("wan2.7-t2v-2026-04-25",),
        kind=OutputKind.VIDEO,
        resolutions=("720P", "1080P"),
        duration=_lasts(2, 15),
        longest_prompt=5000,
        takes=_TAKES | {"ratio"},
        defaults=_DEFAULTS,
    ),
    Model(
        id="wan2.7-i2v",
        title=Text("Wan 2.7, picture to video", "万相 2.7 图生视频"),
        route=Route.VIDEO,
        snapshots=("wan2.7-i2v-2026-04-25",),
        kind=OutputKind.VIDEO,
        pictures=_frame(20 * MIB, 8),
        frames=Frames.MEDIA,
        resolutions=("720P", "1080P"),
        duration=_lasts(2, 15),
        longest_prompt=5000,
        takes=_TAKES | {"last_frame"},
        defaults=_DEFAULTS,
    ),
    Model(
        id="wan2.6-t2v",
        title=Text("Wan 2.6, text to video", "万相 2.6 文生视频"),
        route=Route.VIDEO,
        kind=OutputKind.VIDEO,
        size=_sizes(*_720P, *_1080P),
        duration=_lasts(2, 15),
        longest_prompt=1500,
        takes=_TAKES | {"shot_type"},
        defaults=_DEFAULTS,
    ),
    Model(
        id="wan2.6-i2v",
        title=Text("Wan 2.6, picture to video", "万相 2.6 图生视频"),
        route=Route.VIDEO,
        kind=OutputKind.VIDEO,
        pictures=_OLD_FRAME,
        frames=Frames.IMG_URL,
        resolutions=("720P", "1080P"),
        duration=_lasts(2, 15),
        longest_prompt=1500,
        takes=_TAKES | {"shot_type"},
        defaults=_DEFAULTS,
    ),
    Model(
        id="wan2.6-i2v-flash",
        title=Text("Wan 2.6 Flash, picture to video", "万相 2.6 图生视频 Flash"),
        route=Route.VIDEO,
        kind=OutputKind.VIDEO,
        pictures=_OLD_FRAME,
        frames=Frames.IMG_URL,
        resolutions=("720P", "1080P"),
        duration=_lasts(2, 15),
        longest_prompt=1500,
        takes=_TAKES | {"shot_type", "audio"},
        defaults={**_DEFAULTS, "audio": True},
    ),
    Model(
        id="wan2.5-t2v-preview",
        title=Text("Wan 2.5 (preview), text to video", "万相 2.5 文生视频（预览）"),
        route=Route.VIDEO,
        kind=OutputKind.VIDEO,
        size=_sizes(*_480P, *_720P, *_1080P),
        duration=_FIVE_OR_TEN,
        longest_prompt=1500,
        takes=_TAKES,
        second_micro=_SECONDS_25,
        defaults=_DEFAULTS,
    ),
    Model(
        id="wan2.5-i2v-preview",
        title=Text("Wan 2.5 (preview), picture to video", "万相 2.5 图生视频（预览）"),
        route=Route.VIDEO,
        kind=OutputKind.VIDEO,
        pictures=_OLD_FRAME,
        frames=Frames.IMG_URL,
        resolutions=("480P", "720P", "1080P"),
        duration=_FIVE_OR_TEN,
        longest_prompt=1500,
        takes=_TAKES,
        second_micro=_SECONDS_25,
        defaults=_DEFAULTS,
    ),
)
