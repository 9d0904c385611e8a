"""The Seedance models: what each takes, and what its tokens cost.

Source: volcengine.com/docs/82379/1520757 (editions of 2026-03 to 2026-09) and the price page of 2026-10, read
2026-11-28. Promotions come and go: what is billed is the service's count of tokens at these prices, which
`token_prices` replaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

__all__ = ["SHUT_DOWN", "VIDEO_MODELS", "Tariff", "VideoModel", "find_video_model"]

_FORMATS: Final = ("jpeg", "png", "webp", "bmp", "tiff", "gif")
_NEW_FORMATS: Final = (*_FORMATS, "heic", "heif")
_ALL: Final = ("480p", "720p", "1080p")

Tariff = Mapping[str, tuple[float, float]]
"""Millionths of the currency for a token (which is the currency for a million) by resolution, without and with a
video in the order; "" is for all other resolutions."""


@attrs.frozen(kw_only=True, eq=False)
class VideoModel:
    """One model and its limits.

    `durations` are the shortest and longest video in seconds; `free_length`: -1 lets the model choose. `takes` are
    the optional parameters it knows. `pictures`, `videos` and `audios` are how many references of each it takes,
    `video_s` how many seconds those videos have in all. `lone_audio`: a sound may be the only reference. `old`:
    first generation, with its own sizes, whose ratio is 16:9 unless a first frame names another. `exact_ratios` are
    the ratios whose size in pixels is known for sure, None all. `silent` is the price of a video without sound
    where it is another, `draft_shares` the part of the tokens that a draft costs, silent and with sound. `tariffs`
    is by currency.
    """

    id: str
    title: str
    lane: str
    overseas_id: str | None = None
    resolutions: tuple[str, ...] = _ALL
    resolution: str = "720p"
    durations: tuple[int, int]
    free_length: bool = False
    takes: frozenset[str] = frozenset()
    formats: tuple[str, ...] = _NEW_FORMATS
    last_frame: bool = True
    pictures: int = 0
    videos: int = 0
    video_s: int = 0
    audios: int = 0
    lone_audio: bool = False
    old: bool = False
    exact_ratios: frozenset[str] | None = None
    silent: Mapping[str, float] = attrs.field(factory=dict)
    draft_shares: tuple[float, float] = (1.0, 1.0)
    tariffs: Mapping[str, Tariff] = attrs.field(factory=dict)

    def name_at(self, *, overseas: bool) -> str:
        """Return the id that an endpoint knows it by."""
        return self.overseas_id if overseas and self.overseas_id is not None else self.id

    @property
    def aliases(self) -> tuple[str, ...]:
        """Its other names."""
        return () if self.overseas_id is None else (self.overseas_id,)


_FIRST: Final = frozenset({"frames", "camera_fixed", "service_tier"})
_SECOND: Final = frozenset({"generate_audio", "priority", "tools"})

VIDEO_MODELS: Final = (
    VideoModel(
        id="doubao-seedance-2-0-260128",
        title="Seedance 2.0",
        lane="seedance_2_0",
        overseas_id="dreamina-seedance-2-0-260128",
        resolutions=(*_ALL, "4k"),
        durations=(4, 15),
        free_length=True,
        takes=_SECOND,
        pictures=9,
        videos=3,
        video_s=15,
        audios=3,
        tariffs={
            "CNY": {"": (46, 28), "1080p": (51, 31), "4k": (26, 16)},
            "USD": {"": (7.0, 4.3), "1080p": (7.7, 4.7), "4k": (4.0, 2.4)},
        },
    ),
    VideoModel(
        id="doubao-seedance-2-5-260628",
        title="Seedance 2.5",
        lane="seedance_2_5",
        overseas_id="dreamina-seedance-2-5-260628",
        durations=(4, 30),
        free_length=True,
        takes=_SECOND | {"draft", "output_format", "omni_reference_task_type"},
        pictures=30,
        videos=10,
        video_s=30,
        audios=10,
        lone_audio=True,
        exact_ratios=frozenset({"16:9", "1:1"}),
        tariffs={"CNY": {"": (70, 42), "1080p": (77, 46)}, "USD": {"480p": (10.7, 6.4), "720p": (10.7, 6.4)}},
    ),
    VideoModel(
        id="doubao-seedance-2-0-fast-260128",
        title="Seedance 2.0 fast",
        lane="seedance_2_0_fast",
        overseas_id="dreamina-seedance-2-0-fast-260128",
        resolutions=("480p", "720p"),
        durations=(4, 15),
        free_length=True,
        takes=_SECOND,
        pictures=9,
        videos=3,
        video_s=15,
        audios=3,
        tariffs={"CNY": {"": (37, 22)}, "USD": {"": (5.6, 3.3)}},
    ),
    VideoModel(
        id="doubao-seedance-2-0-mini-260615",
        title="Seedance 2.0 mini",
        lane="seedance_2_0_mini",
        resolutions=("480p", "720p"),
        durations=(4, 15),
        free_length=True,
        takes=_SECOND,
        pictures=9,
        videos=3,
        video_s=15,
        audios=3,
        tariffs={"CNY": {"": (23, 14)}, "USD": {"": (3.5, 2.1)}},
    ),
    VideoModel(
        id="doubao-seedance-1-5-pro-251215",
        title="Seedance 1.5 pro",
        lane="seedance_1_5_pro",
        durations=(4, 12),
        free_length=True,
        takes=frozenset({"generate_audio", "camera_fixed", "service_tier", "draft"}),
        silent={"CNY": 8},
        draft_shares=(0.7, 0.6),
        tariffs={"CNY": {"": (16, 16)}},
    ),
    VideoModel(
        id="doubao-seedance-1-0-pro-250528",
        title="Seedance 1.0 pro",
        lane="seedance_1_0_pro",
        resolution="1080p",
        durations=(2, 12),
        takes=_FIRST,
        formats=_FORMATS,
        old=True,
        tariffs={"CNY": {"": (15, 15)}},
    ),
    VideoModel(
        id="doubao-seedance-1-0-pro-fast-251015",
        title="Seedance 1.0 pro fast",
        lane="seedance_1_0_pro_fast",
        resolution="1080p",
        durations=(2, 12),
        takes=_FIRST,
        formats=_FORMATS,
        last_frame=False,
        old=True,
        tariffs={"CNY": {"": (4.2, 4.2)}},
    ),
)
"""Every model that Ark serves, the default first."""

SHUT_DOWN: Final = ("doubao-seedance-1-0-lite-t2v-250428", "doubao-seedance-1-0-lite-i2v-250428")
"""Models that left Ark's list."""


def find_video_model(name: str) -> VideoModel | None:
    """Return the model of that id or alias, None when it is no video model on offer."""
    return next((model for model in VIDEO_MODELS if name == model.id or name in model.aliases), None)
