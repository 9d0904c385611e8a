"""The Seedream models: what each takes, and what a picture costs.

Source: Volcengine's image API page 82379/1541523, its price page (of 5.0 pro in yuan its editions of 2026-08 to
2026-10), and recorded answers; read 2026-11-23 and 2026-11-28. 1.5K of 5.0 pro stands in newer copies of the page
only. 5.0 flash takes what 5.0 pro takes (several sources of 2026-09-22, read 2026-11-28); its price is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from danqing_plugins import Price, Text
from danqing_providers.volcengine import texts

__all__ = ["ALIASES", "AUTO_SIZE", "DEFAULT_MODEL", "MODELS", "Catalogue", "Model", "Pricing"]

DEFAULT_MODEL: Final = "doubao-seedream-4-0-250828"
AUTO_SIZE: Final = "auto"
"""A size of layers: the model's choice."""

LARGE_PIXELS: Final = 2_610_000
LARGE_TIERS: Final = frozenset({"2K", "3K", "4K"})

_OLD_FORMATS = ("jpeg", "png")
_FORMATS = ("jpeg", "png", "webp", "bmp", "tiff", "gif", "heic", "heif")
_GROUPS = frozenset({"sequential_image_generation", "sequential_image_generation_options", "stream"})


@attrs.frozen(kw_only=True)
class Pricing:
    """The price of one picture in millionths; `large_micro` is for more than 1.5K, None when it is the same.

    `reference_micro` is for each reference beyond the first.
    """

    micro: int
    large_micro: int | None = None
    reference_micro: int = 0

    def of(self, size: str | None, references: int = 0) -> int:
        """Return the price at *size*: a tier, `WxH`, or None for the model's default."""
        own = self.large_micro if self.large_micro is not None and _is_large(size) else self.micro
        return own + self.reference_micro * max(0, references - 1)

    def span(self, size: str, references: int = 0) -> tuple[int, int]:
        """Return the lowest and the highest price at *size*: two where the model chooses the size."""
        if size == AUTO_SIZE:
            return self.of("1K", references), self.of("2K", references)
        return self.of(size, references), self.of(size, references)


def _is_large(size: str | None) -> bool:
    if size is None or size.upper() in LARGE_TIERS:
        return True
    width, mark, height = size.partition("x")
    return bool(mark) and int(width) * int(height) > LARGE_PIXELS


@attrs.frozen(kw_only=True)
class Model:
    """One model and its limits.

    `other_ids` are further ids that Ark itself knows it by: one that a user wrote is sent as written, since not
    every endpoint takes both (`/api/plan/v3` knows 5.0 lite by its longer one).
    `tiers` are the named sizes; `pixels` the smallest and largest width * height (None: no `WxH` at all);
    `widest` the largest ratio of the longer side to the shorter (None: none known). `hd_size` is the size of
    `quality: hd`. `least_references` to `most_references` pictures may be referred to. `takes` are the optional
    parameters it knows, beside those that every model knows. `prices` are by currency. A model that is not
    `live` is shut down at Ark: it is refused unless the configuration lists it.
    """

    id: str
    title: str
    overseas_id: str | None = None
    other_ids: tuple[str, ...] = ()
    live: bool = True
    tiers: tuple[str, ...] = ()
    pixels: tuple[int, int] | None = None
    widest: int | None = 16
    default_size: str = "2048x2048"
    hd_size: str | None = None
    least_references: int = 0
    most_references: int = 14
    reference_formats: tuple[str, ...] = _FORMATS
    widest_reference: int = 16
    takes: frozenset[str] = frozenset()
    optimize_modes: tuple[str, ...] = ()
    prices: Mapping[str, Pricing] = attrs.field(factory=dict)

    def name_for(self, written: str, *, overseas: bool) -> str:
        """Return the id to send upstream for a task that wrote *written*: an id of Ark's own, or a name of ours."""
        if overseas and self.overseas_id is not None:
            return self.overseas_id
        return written if written in self.other_ids else self.id

    def price(self, currency: str, size: str | None, references: int = 0) -> Price | None:
        """Return what one picture of so many references costs, None when unknown in *currency*."""
        pricing = self.prices.get(currency)
        if pricing is None:
            return None
        low, high = pricing.span(size or self.default_size, references)
        return Price(amount_micro=low, currency=currency, most_micro=high if high > low else None)

    @property
    def sizes(self) -> Text:
        """The legal sizes in words, for messages."""
        tiers = Text(", ".join(self.tiers), "、".join(self.tiers))
        if self.pixels is None:
            return tiers
        low, high = self.pixels
        pixels = texts.PIXELS(low=low, high=high)
        if self.widest:
            pixels = texts.PIXELS_AND_RATIO(low=low, high=high, widest=self.widest)
        return texts.OR(tiers=tiers, pixels=pixels) if self.tiers else pixels


_PRO = Model(
    id="doubao-seedream-5-0-pro-260628",
    title="Seedream 5.0 pro",
    overseas_id="dola-seedream-5-0-pro-260628",
    tiers=("1K", "1.5K", "2K"),
    pixels=(921_600, 4_624_220),
    default_size="2K",
    hd_size="2K",
    most_references=10,
    takes=frozenset({"optimize_prompt_options", "output_format", "layer_decomposition", "background"}),
    optimize_modes=("standard", "fast"),
    prices={
        "CNY": Pricing(micro=300_000, large_micro=600_000, reference_micro=20_000),
        "USD": Pricing(micro=45_000, large_micro=90_000),
    },
)
_FLASH = attrs.evolve(
    _PRO,
    id="doubao-seedream-5-0-flash-260915",
    title="Seedream 5.0 flash",
    overseas_id=None,
    prices={},
)
_LITE = Model(
    id="doubao-seedream-5-0-260128",
    title="Seedream 5.0 lite",
    overseas_id="seedream-5-0-260128",
    other_ids=("doubao-seedream-5-0-lite-260128",),
    tiers=("2K", "3K", "4K"),
    pixels=(3_686_400, 16_777_216),
    hd_size="4K",
    takes=_GROUPS | {"optimize_prompt_options", "output_format", "tools"},
    optimize_modes=("standard",),
    prices={"CNY": Pricing(micro=220_000), "USD": Pricing(micro=35_000)},
)
_V45 = Model(
    id="doubao-seedream-4-5-251128",
    title="Seedream 4.5",
    overseas_id="seedream-4-5-251128",
    tiers=("2K", "4K"),
    pixels=(3_686_400, 16_777_216),
    hd_size="4K",
    takes=_GROUPS | {"optimize_prompt_options"},
    optimize_modes=("standard",),
    prices={"CNY": Pricing(micro=250_000), "USD": Pricing(micro=40_000)},
)
_V40 = Model(
    id=DEFAULT_MODEL,
    title="Seedream 4.0",
    overseas_id="seedream-4-0-250828",
    tiers=("1K", "2K", "4K"),
    pixels=(921_600, 16_777_216),
    hd_size="4K",
    takes=_GROUPS | {"optimize_prompt_options"},
    optimize_modes=("standard", "fast"),
    prices={"CNY": Pricing(micro=200_000), "USD": Pricing(micro=30_000)},
)
_V30 = Model(
    id="doubao-seedream-3-0-t2i-250415",
    title="Seedream 3.0 (shut down)",
    overseas_id="seedream-3-0-t2i-250415",
    live=False,
    pixels=(262_144, 4_194_304),
    widest=None,
    default_size="1024x1024",
    hd_size="2048x2048",
    most_references=0,
    reference_formats=_OLD_FORMATS,
    widest_reference=3,
    takes=frozenset({"seed", "guidance_scale"}),
    prices={"CNY": Pricing(micro=259_000)},
)
_EDIT = Model(
    id="doubao-seededit-3-0-i2i-250628",
    title="SeedEdit 3.0 (shut down)",
    overseas_id="seededit-3-0-i2i-250628",
    live=False,
    tiers=("adaptive",),
    default_size="adaptive",
    least_references=1,
    most_references=1,
    reference_formats=_OLD_FORMATS,
    widest_reference=3,
    takes=frozenset({"seed", "guidance_scale"}),
    prices={"CNY": Pricing(micro=300_000)},
)

MODELS: Final = (_V40, _V45, _LITE, _PRO, _FLASH, _V30, _EDIT)
"""Every model known, the default first, the two that are shut down last."""

ALIASES: Final[Mapping[str, str]] = {
    "doubao-seedream-3.0-t2i": DEFAULT_MODEL,
    **{other: model.id for model in MODELS for other in model.other_ids},
    **{model.overseas_id: model.id for model in MODELS if model.overseas_id is not None},
}
"""Other names of models: the id of the server we replace (its family is shut down), Ark's own, BytePlus's."""


@attrs.frozen
class Catalogue:
    """The models on offer and their aliases. `shut_down` are the ids and aliases that Ark no longer serves."""

    models: Mapping[str, Model]
    aliases: Mapping[str, str]
    shut_down: frozenset[str] = frozenset()

    @classmethod
    def of(cls, offered: Iterable[Model], aliases: Mapping[str, str]) -> Catalogue:
        """Return a catalogue of *offered*; aliases of models that are not on offer are left out."""
        models = {model.id: model for model in offered}
        gone = {model.id for model in MODELS if not model.live and model.id not in models}
        return cls(
            models=models,
            aliases={alias: id_ for alias, id_ in aliases.items() if id_ in models and alias not in models},
            shut_down=frozenset(gone | {alias for alias, id_ in aliases.items() if id_ in gone}),
        )

    def find(self, name: str) -> Model | None:
        """Return the model of that id or alias, None when there is none."""
        return self.models.get(self.aliases.get(name, name))

    def aliases_of(self, model: Model) -> tuple[str, ...]:
        """Return every other name of *model*."""
        return tuple(alias for alias, id_ in self.aliases.items() if id_ == model.id)
