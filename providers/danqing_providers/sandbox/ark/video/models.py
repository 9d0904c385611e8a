"""The video models: their names, what each takes, and what it costs.

Source: volcengine.com/docs/82379/1520757 (1.5, 2.0 and 2.5 eras, 2026-03 to 2026-09), its price page (2026-10);
read 2026-11-28. Prices are yuan for a million tokens, which is millionths of a yuan for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from danqing_providers.sandbox.ark import catalogue, errors

__all__ = ["VIDEO_MODELS", "VideoCatalogue", "VideoModel"]

_FORMATS: Final = frozenset({"jpeg", "png", "webp", "bmp", "tiff", "gif"})
_NEW_FORMATS: Final = _FORMATS | {"heic", "heif"}
_ALL: Final = ("480p", "720p", "1080p")


@attrs.frozen(kw_only=True)
class VideoModel:
    """One model and its limits.

    `durations` is the shortest and longest film in seconds, `free_length` whether -1 lets the model choose,
    `frames` whether a number of frames may be given. `roles` are the ways in which pictures may come. `pictures`,
    `films` and `sounds` are the most references of each. `lone_sound` is whether a sound may be the only one.
    `draft_shares` is which part of a film's tokens a draft takes, silent and with sound. `prices` is by resolution,
    for an order without and with a film in it; the key "" is for all others. `silent_price` is for a film without
    sound, where that is another.
    """

    id: str
    family: str
    aliases: tuple[str, ...] = ()
    created: int
    shut_down: bool = False
    resolutions: tuple[str, ...] = _ALL
    default_resolution: str = "720p"
    durations: tuple[int, int]
    free_length: bool = False
    frames: bool = False
    text_only: bool = True
    roles: frozenset[str] = frozenset({"first_frame", "last_frame"})
    pictures: int = 0
    films: int = 0
    sounds: int = 0
    lone_sound: bool = False
    audio: bool = False
    draft: bool = False
    draft_shares: tuple[float, float] = (1.0, 1.0)
    flex: bool = False
    second_generation: bool = False
    task_types: bool = False
    old_sizes: bool = False
    reference_formats: frozenset[str] = _NEW_FORMATS
    reference_ratio: float = 2.5
    reference_sides: tuple[int, int] = (299, 6000)
    prices: Mapping[str, tuple[float, float]]
    silent_price: float | None = None


VIDEO_MODELS: Final[tuple[VideoModel, ...]] = (
    VideoModel(
        id="doubao-seedance-2-5-260628",
        family="seedance-2-5",
        aliases=("dreamina-seedance-2-5-260628",),
        created=1_782_604_800,
        durations=(4, 30),
        free_length=True,
        roles=frozenset({"first_frame", "last_frame", "reference_image"}),
        pictures=30,
        films=10,
        sounds=10,
        lone_sound=True,
        audio=True,
        draft=True,
        second_generation=True,
        task_types=True,
        prices={"": (70, 42), "1080p": (77, 46)},
    ),
    VideoModel(
        id="doubao-seedance-2-0-260128",
        family="seedance-2-0",
        aliases=("dreamina-seedance-2-0-260128",),
        created=1_769_558_400,
        resolutions=(*_ALL, "4k"),
        durations=(4, 15),
        free_length=True,
        roles=frozenset({"first_frame", "last_frame", "reference_image"}),
        pictures=9,
        films=3,
        sounds=3,
        audio=True,
        second_generation=True,
        prices={"": (46, 28), "1080p": (51, 31), "4k": (26, 16)},
    ),
    VideoModel(
        id="doubao-seedance-2-0-fast-260128",
        family="seedance-2-0-fast",
        aliases=("dreamina-seedance-2-0-fast-260128",),
        created=1_769_558_400,
        resolutions=("480p", "720p"),
        durations=(4, 15),
        free_length=True,
        roles=frozenset({"first_frame", "last_frame", "reference_image"}),
        pictures=9,
        films=3,
        sounds=3,
        audio=True,
        second_generation=True,
        prices={"": (37, 22)},
    ),
    VideoModel(
        id="doubao-seedance-2-0-mini-260615",
        family="seedance-2-0-mini",
        created=1_781_481_600,
        resolutions=("480p", "720p"),
        durations=(4, 15),
        free_length=True,
        roles=frozenset({"first_frame", "last_frame", "reference_image"}),
        pictures=9,
        films=3,
        sounds=3,
        audio=True,
        second_generation=True,
        prices={"": (23, 14)},
    ),
    VideoModel(
        id="doubao-seedance-1-5-pro-251215",
        family="seedance-1-5-pro",
        created=1_765_756_800,
        durations=(4, 12),
        free_length=True,
        audio=True,
        draft=True,
        draft_shares=(0.7, 0.6),
        flex=True,
        prices={"": (16, 16)},
        silent_price=8,
    ),
    VideoModel(
        id="doubao-seedance-1-0-pro-250528",
        family="seedance-1-0-pro",
        created=1_748_390_400,
        default_resolution="1080p",
        durations=(2, 12),
        frames=True,
        flex=True,
        old_sizes=True,
        reference_formats=_FORMATS,
        prices={"": (15, 15)},
    ),
    VideoModel(
        id="doubao-seedance-1-0-pro-fast-251015",
        family="seedance-1-0-pro-fast",
        created=1_760_486_400,
        default_resolution="1080p",
        durations=(2, 12),
        frames=True,
        roles=frozenset({"first_frame"}),
        flex=True,
        old_sizes=True,
        reference_formats=_FORMATS,
        prices={"": (4.2, 4.2)},
    ),
    VideoModel(
        id="doubao-seedance-1-0-lite-t2v-250428",
        family="seedance-1-0-lite-t2v",
        created=1_745_798_400,
        shut_down=True,
        durations=(2, 12),
        frames=True,
        roles=frozenset(),
        flex=True,
        old_sizes=True,
        prices={"": (10, 10)},
    ),
    VideoModel(
        id="doubao-seedance-1-0-lite-i2v-250428",
        family="seedance-1-0-lite-i2v",
        created=1_745_798_400,
        shut_down=True,
        durations=(2, 12),
        frames=True,
        text_only=False,
        roles=frozenset({"first_frame", "last_frame", "reference_image"}),
        pictures=4,
        flex=True,
        old_sizes=True,
        reference_formats=_FORMATS,
        prices={"": (10, 10)},
    ),
)


class VideoCatalogue:
    """The video models that one sandbox serves, by every name they have."""

    def __init__(self, *, shut_down_too: bool, endpoints: Mapping[str, str]) -> None:
        self._by_name = {
            name: model
            for model in VIDEO_MODELS
            for name in (model.id, *model.aliases)
            if shut_down_too or not model.shut_down
        }
        self._endpoints = {name: self._by_name[to] for name, to in endpoints.items() if to in self._by_name}

    def find(self, name: str) -> tuple[VideoModel, str]:
        """Return the model called *name* and the name that answers carry.

        Raises: ArkError 404 for an unknown one, 400 for one that makes pictures.
        """
        if name in self._endpoints:
            model = self._endpoints[name]
            return model, model.id
        if name in self._by_name:
            return self._by_name[name], name
        if any(name in (model.id, *model.aliases) for model in catalogue.MODELS):
            reason = f"the specified model {name} does not support content generation"
            raise errors.invalid_parameter("model", reason)
        raise errors.model_not_found(name)

    def serves(self, model: VideoModel) -> bool:
        """Say whether *model* still answers."""
        return model.id in self._by_name
