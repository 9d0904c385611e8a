"""The models, and what each takes. Written from the pages alone, apart from the provider that is tested with it.

Sources, read 2026-11-28: help.aliyun.com/zh/model-studio/qwen-image-api, qwen-image-edit-api (2026-03-03),
text-to-image-v2-api-reference (2026-01-18), text-to-video-api-reference and image-to-video-general-api-reference
(Wan 2.7, 2026-04), legacy-image-to-video-api-reference; the pages of qwen-image-3.0, z-image, wanx-v1 (2026-08).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

__all__ = [
    "ALL",
    "IMAGE_GENERATION",
    "MULTIMODAL",
    "TEXT2IMAGE",
    "VIDEO",
    "SimulatedModel",
    "dimensions",
    "is_large",
]

MULTIMODAL: Final = "multimodal-generation/generation"
IMAGE_GENERATION: Final = "image-generation/generation"
TEXT2IMAGE: Final = "text2image/image-synthesis"
VIDEO: Final = "video-generation/video-synthesis"

_ONE_K: Final = 2_250_000

_Check = Callable[[int, int], bool]


@attrs.frozen(kw_only=True)
class SimulatedModel:
    """One model.

    `routes` are where it is asked for. `allows` says of a width and a height whether they are taken, None: it takes
    no size; `allowed` is what its refusal lists. `words` are sizes by name, with the side of the square they mean.
    `default_n` is what is made, and charged, when `n` is left out. `cost_micro` is in millionths of CNY, None where
    no page confirms one; `large_micro` is that of a picture above 2.25 million pixels, where it is another.
    """

    id: str
    routes: tuple[str, ...]
    allows: _Check | None = None
    allowed: str = ""
    words: Mapping[str, int] = MappingProxyType({})
    default_size: tuple[int, int] = (1024, 1024)
    most_n: int = 1
    default_n: int = 1
    pictures: tuple[int, int] = (0, 0)
    size_with_one: bool = False
    longest_prompt: int = 20_000
    durations: tuple[int, ...] = ()
    resolutions: tuple[str, ...] = ("720P", "1080P")
    auto_duration: bool = False
    cost_micro: int | None = None
    large_micro: int | None = None

    def costs(self, width: int, height: int) -> int | None:
        """Return what a picture of that size costs."""
        return self.large_micro if self.large_micro is not None and is_large(width, height) else self.cost_micro

    @property
    def is_video(self) -> bool:
        return VIDEO in self.routes


def is_large(width: int, height: int) -> bool:
    """Say whether a picture counts as `qima_output_2k`."""
    return width * height > _ONE_K


def dimensions(text: str) -> tuple[int, int] | None:
    """Return the sides of `width*height`: the star is the only separator. None: it is none."""
    width, star, height = text.partition("*")
    if not star or not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        return None
    return int(width), int(height)


def _area(least: int, most: int, widest: float) -> _Check:
    def allows(width: int, height: int) -> bool:
        short, long = sorted((width, height))
        return least * least <= width * height <= most * most and long <= widest * short

    return allows


def _sides(least: int, most: int) -> _Check:
    return lambda width, height: least <= min(width, height) and max(width, height) <= most


def _one_of(*sizes: str) -> _Check:
    return lambda width, height: f"{width}*{height}" in sizes


_QWEN: Final = ("1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664")
_OLD: Final = ("1024*1024", "720*1280", "768*1152", "1280*720")
_P480: Final = ("832*480", "480*832", "624*624")
_P720: Final = ("1280*720", "720*1280", "960*960", "1088*832", "832*1088")
_P1080: Final = ("1920*1080", "1080*1920", "1440*1440", "1632*1248", "1248*1632")


def _qwen(id_: str, *routes: str, cost_micro: int) -> SimulatedModel:
    return SimulatedModel(
        id=id_,
        routes=routes,
        allows=_one_of(*_QWEN),
        allowed=", ".join(_QWEN),
        default_size=(1664, 928),
        longest_prompt=800,
        cost_micro=cost_micro,
    )


def _free_qwen(
    id_: str, *routes: str, pictures: tuple[int, int], cost_micro: int | None = None, large_micro: int | None = None
) -> SimulatedModel:
    return SimulatedModel(
        id=id_,
        routes=routes,
        allows=_area(512, 2048, 8),
        allowed="512*512 to 2048*2048",
        most_n=6,
        pictures=pictures,
        cost_micro=cost_micro,
        large_micro=large_micro,
    )


def _edit(id_: str) -> SimulatedModel:
    return SimulatedModel(
        id=id_,
        routes=(MULTIMODAL,),
        allows=_sides(512, 2048),
        allowed="512 to 2048",
        most_n=6,
        pictures=(1, 3),
        size_with_one=True,
        longest_prompt=800,
    )


def _wan_images(id_: str, most: int, words: Mapping[str, int]) -> SimulatedModel:
    return SimulatedModel(
        id=id_,
        routes=(MULTIMODAL, IMAGE_GENERATION),
        allows=_area(768, most, 8),
        allowed=f"768*768 to {most}*{most}",
        words=words,
        default_size=(2048, 2048),
        most_n=4,
        default_n=4,
        pictures=(0, 9),
    )


def _wan_text(id_: str, allows: _Check, allowed: str, cost_micro: int, size: tuple[int, int]) -> SimulatedModel:
    return SimulatedModel(
        id=id_,
        routes=(TEXT2IMAGE,),
        allows=allows,
        allowed=allowed,
        default_size=size,
        most_n=4,
        default_n=4,
        longest_prompt=2000,
        cost_micro=cost_micro,
    )


def _video(id_: str, durations: tuple[int, ...], **more: object) -> SimulatedModel:
    return SimulatedModel(
        id=id_,
        routes=(VIDEO,),
        durations=durations,
        default_size=(1920, 1080),
        longest_prompt=5000,
        **more,  # type: ignore[arg-type]
    )


_TWO_TO_FIFTEEN: Final = tuple(range(2, 16))
_FIVE_TEN: Final = (5, 10)
_SQUARE: Final = (1024, 1024)

_LISTED: Final = (
    _free_qwen(
        "qwen-image-3.0-pro",
        MULTIMODAL,
        IMAGE_GENERATION,
        pictures=(0, 3),
        cost_micro=250_000,
        large_micro=500_000,
    ),
    _free_qwen("qwen-image-3.0", MULTIMODAL, IMAGE_GENERATION, pictures=(0, 3)),
    _free_qwen("qwen-image-2.1-pro", MULTIMODAL, pictures=(1, 10)),
    _free_qwen("qwen-image-2.0-pro", MULTIMODAL, pictures=(0, 3), cost_micro=500_000),
    _free_qwen("qwen-image-2.0", MULTIMODAL, pictures=(0, 3), cost_micro=200_000),
    _qwen("qwen-image-max", MULTIMODAL, cost_micro=500_000),
    _qwen("qwen-image-plus", MULTIMODAL, TEXT2IMAGE, cost_micro=200_000),
    _qwen("qwen-image", MULTIMODAL, TEXT2IMAGE, cost_micro=250_000),
    _edit("qwen-image-edit-max"),
    _edit("qwen-image-edit-plus"),
    SimulatedModel(id="qwen-image-edit", routes=(MULTIMODAL,), pictures=(1, 1), longest_prompt=800),
    _wan_images("wan2.7-image-pro", 4096, {"1K": 1024, "2K": 2048, "4K": 4096}),
    _wan_images("wan2.7-image", 2048, {"1K": 1024, "2K": 2048}),
    SimulatedModel(
        id="wan2.6-t2i",
        routes=(MULTIMODAL, IMAGE_GENERATION),
        allows=_area(1280, 1440, 4),
        allowed="1280*1280 to 1440*1440",
        default_size=(1280, 1280),
        most_n=4,
        default_n=4,
    ),
    _wan_text("wan2.5-t2i-preview", _area(1280, 1440, 4), "1280*1280 to 1440*1440", 200_000, (1280, 1280)),
    _wan_text("wan2.2-t2i-plus", _sides(512, 1440), "512 to 1440", 200_000, _SQUARE),
    _wan_text("wan2.2-t2i-flash", _sides(512, 1440), "512 to 1440", 140_000, _SQUARE),
    _wan_text("wanx2.1-t2i-plus", _sides(512, 1440), "512 to 1440", 200_000, _SQUARE),
    _wan_text("wanx2.1-t2i-turbo", _sides(512, 1440), "512 to 1440", 140_000, _SQUARE),
    _wan_text("wanx-v1", _one_of(*_OLD), ", ".join(_OLD), 160_000, _SQUARE),
    SimulatedModel(
        id="z-image-turbo",
        routes=(MULTIMODAL,),
        allows=_area(512, 2048, 8),
        allowed="512*512 to 2048*2048",
        longest_prompt=800,
    ),
    _video("wan3.0-video", tuple(range(2, 31)), auto_duration=True),
    _video("wan2.7-t2v", _TWO_TO_FIFTEEN),
    _video("wan2.7-i2v", _TWO_TO_FIFTEEN, pictures=(1, 2)),
    _video("wan2.6-t2v", _TWO_TO_FIFTEEN, allows=_one_of(*_P720, *_P1080), allowed=", ".join(_P720 + _P1080)),
    _video("wan2.6-i2v", _TWO_TO_FIFTEEN, pictures=(1, 1)),
    _video("wan2.6-i2v-flash", _TWO_TO_FIFTEEN, pictures=(1, 1)),
    _video(
        "wan2.5-t2v-preview",
        _FIVE_TEN,
        allows=_one_of(*_P480, *_P720, *_P1080),
        allowed=", ".join(_P480 + _P720 + _P1080),
    ),
    _video("wan2.5-i2v-preview", _FIVE_TEN, pictures=(1, 1), resolutions=("480P", "720P", "1080P")),
)
_SNAPSHOTS: Final = {
    "qwen-image-2.0-pro-2026-03-03": "qwen-image-2.0-pro",
    "qwen-image-2.0-2026-03-03": "qwen-image-2.0",
    "qwen-image-edit-max-2026-01-16": "qwen-image-edit-max",
    "qwen-image-edit-plus-2025-12-15": "qwen-image-edit-plus",
    "qwen-image-edit-plus-2025-10-30": "qwen-image-edit-plus",
    "wan2.7-t2v-2026-04-25": "wan2.7-t2v",
    "wan2.7-i2v-2026-04-25": "wan2.7-i2v",
}
_BY_ID: Final = {model.id: model for model in _LISTED}

ALL: Final[Mapping[str, SimulatedModel]] = MappingProxyType(
    _BY_ID | {id_: attrs.evolve(_BY_ID[base], id=id_) for id_, base in _SNAPSHOTS.items()}
)
"""The models by id."""
