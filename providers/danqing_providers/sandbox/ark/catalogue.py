"""The image models: their names, and what each takes.

Source: volcengine.com/docs/82379/1541523 and recorded answers of 2026-08 and 2026-09; read 2026-11-23.
The flash model takes what 5.0 pro takes (several sources of 2026-09-22, read 2026-11-28); its price is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from danqing_providers.sandbox.ark import errors

__all__ = ["MODELS", "Catalogue", "Model"]

_FIRST_FORMATS: Final = frozenset({"jpeg", "png"})
_FORMATS: Final = frozenset({"jpeg", "png", "webp", "bmp", "tiff", "gif", "heic", "heif"})


@attrs.frozen(kw_only=True)
class Model:
    """One model and its limits.

    `family` is the name in size errors and in the paths of links. `tiers` are the named sizes, upper case.
    `pixels` is the smallest and largest width * height; None when only `adaptive` is taken. `references` is the
    smallest and largest number of reference pictures. `output_formats` empty refuses the field. `reports` are
    what its data items carry beside the picture. `prices_micro` is what a picture costs, in millionths of a yuan,
    and a large one where that is another price; `reference_micro` is for each reference beyond the first.
    """

    id: str
    family: str
    aliases: tuple[str, ...]
    created: int
    shut_down: bool = False
    default_size: str = "2048x2048"
    tiers: tuple[str, ...] = ()
    pixels: tuple[int, int] | None = None
    references: tuple[int, int] = (0, 14)
    reference_formats: frozenset[str] = _FORMATS
    reference_ratio: float = 16.0
    reference_sides: tuple[int, int] = (14, 36_000_000)
    groups: bool = False
    streams: bool = False
    seeds: bool = False
    web_search: bool = False
    layers: bool = False
    optimize_modes: frozenset[str] = frozenset({"standard"})
    output_formats: tuple[str, ...] = ()
    reports: frozenset[str] = frozenset({"size"})
    counts_inputs: bool = False
    area_wording: bool = False
    prices_micro: tuple[int, ...] = ()
    reference_micro: int = 0


MODELS: Final[tuple[Model, ...]] = (
    Model(
        id="doubao-seedream-5-0-pro-260628",
        family="seedream-5-0-pro",
        aliases=("dola-seedream-5-0-pro-260628",),
        created=1_782_604_800,
        default_size="2K",
        tiers=("1K", "1.5K", "2K"),
        pixels=(921_600, 4_624_220),
        references=(0, 10),
        layers=True,
        optimize_modes=frozenset({"standard", "fast"}),
        output_formats=("jpeg", "png"),
        reports=frozenset({"size", "output_format"}),
        counts_inputs=True,
        area_wording=True,
        prices_micro=(300_000, 600_000),
        reference_micro=20_000,
    ),
    Model(
        id="doubao-seedream-5-0-flash-260915",
        family="seedream-5-0-flash",
        aliases=(),
        created=1_789_430_400,
        default_size="2K",
        tiers=("1K", "1.5K", "2K"),
        pixels=(921_600, 4_624_220),
        references=(0, 10),
        layers=True,
        optimize_modes=frozenset({"standard", "fast"}),
        output_formats=("jpeg", "png"),
        reports=frozenset({"size", "output_format"}),
        counts_inputs=True,
        area_wording=True,
    ),
    Model(
        id="doubao-seedream-5-0-260128",
        family="seedream-5-0",
        aliases=("doubao-seedream-5-0-lite-260128", "seedream-5-0-260128", "seedream-5-0-lite-260128"),
        created=1_769_558_400,
        tiers=("2K", "3K", "4K"),
        pixels=(3_686_400, 16_777_216),
        groups=True,
        streams=True,
        web_search=True,
        output_formats=("jpeg", "png"),
        prices_micro=(220_000,),
    ),
    Model(
        id="doubao-seedream-4-5-251128",
        family="seedream-4-5",
        aliases=("seedream-4-5-251128",),
        created=1_764_288_000,
        tiers=("2K", "4K"),
        pixels=(3_686_400, 16_777_216),
        groups=True,
        streams=True,
        prices_micro=(250_000,),
    ),
    Model(
        id="doubao-seedream-4-0-250828",
        family="seedream-4-0",
        aliases=("seedream-4-0-250828",),
        created=1_756_339_200,
        tiers=("1K", "2K", "4K"),
        pixels=(921_600, 16_777_216),
        groups=True,
        streams=True,
        optimize_modes=frozenset({"standard", "fast"}),
        prices_micro=(200_000,),
    ),
    Model(
        id="doubao-seedream-3-0-t2i-250415",
        family="seedream-3-0-t2i",
        aliases=("seedream-3-0-t2i-250415",),
        created=1_744_675_200,
        shut_down=True,
        default_size="1024x1024",
        pixels=(262_144, 4_194_304),
        references=(0, 0),
        seeds=True,
        reports=frozenset(),
    ),
    Model(
        id="doubao-seededit-3-0-i2i-250628",
        family="seededit-3-0-i2i",
        aliases=("seededit-3-0-i2i-250628",),
        created=1_751_068_800,
        shut_down=True,
        default_size="adaptive",
        references=(1, 1),
        reference_formats=_FIRST_FORMATS,
        reference_ratio=3.0,
        seeds=True,
        reports=frozenset(),
    ),
)


class Catalogue:
    """The models that one sandbox serves, by every name they have."""

    def __init__(self, *, enable_3_0: bool, endpoints: Mapping[str, str]) -> None:
        """Take the switch for the shut-down 3.0 family and the `ep-...` ids. Raises: ValueError for a bad one."""
        self._enable_3_0 = enable_3_0
        self._by_name = {name: model for model in MODELS for name in (model.id, *model.aliases)}
        self._endpoints: dict[str, Model] = {}
        for endpoint, name in endpoints.items():
            if not endpoint.startswith("ep-"):
                raise ValueError(f"endpoint id {endpoint!r} does not start with 'ep-'")
            if name not in self._by_name:
                raise ValueError(f"endpoint {endpoint}: unknown model {name!r}; known: {sorted(self._by_name)}")
            self._endpoints[endpoint] = self._by_name[name]

    def find(self, name: str) -> tuple[Model, str]:
        """Return the model called *name* and the name that answers carry. Raises: ArkError 404."""
        endpoint = self._endpoints.get(name)
        model = endpoint or self._by_name.get(name)
        if model is None or not self.serves(model):
            raise errors.model_not_found(name)
        return model, model.id if endpoint else name

    def serves(self, model: Model) -> bool:
        """Say whether *model* still answers."""
        return self._enable_3_0 or not model.shut_down
