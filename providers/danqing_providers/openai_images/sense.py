"""What of a preset contradicts itself: told at the start, else it would show in a picture that is paid for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from danqing_plugins import ConfigurationError, nearest
from danqing_plugins.currencies import CURRENCIES, currency_meant
from danqing_providers.openai_images.forms import AUTO
from danqing_providers.openai_images.values import FreeSizes, Knobs, Model, Preset

__all__ = ["OURS", "require_plain", "require_sense"]

OURS: Final = ("prompt", "n", "size", "image", "mask")
"""Parameters that every model has, or none, by its own tables."""

_SENT: Final = ("model", "prompt", "size", "n")
_WITH_MASK: Final = ("multipart", "json_images")
_PIXELS: Final = re.compile(r"[1-9][0-9]{0,4}x[1-9][0-9]{0,4}")
_SHAPE: Final = re.compile(r"(?!0+(\.0+)?(:|$))[0-9]{1,3}(\.[0-9]{1,2})?:(?!0+(\.0+)?$)[0-9]{1,3}(\.[0-9]{1,2})?")


def require_plain(
    base: Mapping[str, Any], written: Mapping[str, Any], place_of: Callable[[str], str], keys: str
) -> None:
    """Check what does not show any more once *written* is laid over the preset *base*; *keys* are a model's.

    Raises:
        ConfigurationError: of the first thing that is wrong.
    """
    known = [model["id"] for model in base.get("models", ())]
    for id_ in written.get("without", ()):
        if id_ not in known:
            near = nearest(id_, known)
            hint = f"did you mean {near}? " if near else ""
            told = f"{id_!r} is no model of the preset; {hint}allowed: {', '.join(known) or '-'}"
            raise _wrong(place_of("without"), told)
    place, ids = place_of("models"), list[object]()
    for model in written.get("models", ()):
        id_ = model.get("id")
        if id_ in ids:
            raise _wrong(place, f"{id_!r} stands there twice")
        ids.append(id_)
        if not isinstance(model.get("like", ""), str):
            raise _wrong(f"{place}.{id_}.like", f"{model['like']!r} is not allowed; allowed: a model before it")
        if not isinstance(model.get("takes", {}), dict):
            raise _wrong(
                f"{place}.{id_}.takes", f"{model['takes']!r} is not allowed; allowed: a table of parameters"
            )
        if "hidden" in model:
            raise _wrong(f"{place}.{id_}.hidden", f"unknown; allowed: {keys}")


def require_sense(preset: Preset, place_of: Callable[[str], str]) -> None:
    """Check what each of its parts cannot tell by itself. *place_of* as of `preset_of`.

    Raises:
        ConfigurationError: of the first thing that cannot be meant.
    """
    if preset.currency not in CURRENCIES:
        meant = currency_meant(preset.currency) or "a code of ISO 4217, such as USD"
        raise ConfigurationError(f"{place_of('currency')}: {preset.currency!r} is not allowed; allowed: {meant}")
    _check_names(preset.knobs, place_of("knobs"))
    place, names = place_of("models"), dict.fromkeys(preset.models)
    for model in preset.models.values():
        for alias in model.aliases:
            if alias in names:
                raise _wrong(f"{place}.{model.id}.aliases", f"{alias!r} is a name already")
            names[alias] = None
        if "partial_images" in model.takes and not preset.knobs.streams:
            raise _wrong(f"{place_of('takes')}.partial_images", "previews come with knobs.streams alone")
        for check in (_check_references, _check_sizes, _check_free, _check_money):
            check(preset.knobs, model, f"{place}.{model.id}")


def _wrong(place: str, told: str) -> ConfigurationError:
    return ConfigurationError(f"{place}: {told}")


def _check_names(knobs: Knobs, place: str) -> None:
    """Check that no field takes another's place, and that none says how many are made but `n`."""
    sent = {name: knobs.rename.get(name, name) for name in _SENT if name not in knobs.drop}
    for name, wire in knobs.rename.items():
        others = [other for other, theirs in {**sent, **knobs.rename}.items() if theirs == wire and other != name]
        if others:
            raise _wrong(
                f"{place}.rename", f"{name!r} is called {wire!r}, as {others[0]!r} is; allowed: other names"
            )
    for name in ("prompt", "n"):
        if sent.get(name, name) in knobs.constants:
            told = f"{sent.get(name, name)!r} is each task's own; allowed: other fields"
            raise _wrong(f"{place}.constants", told)


def _check_references(knobs: Knobs, model: Model, place: str) -> None:
    most, way = model.most_references, knobs.references
    if model.least_references > most:
        raise _wrong(f"{place}.least_references", f"{model.least_references} is above most_references, {most}")
    if most and way == "none":
        told = f"{most} pictures have no way out: knobs.references is none; allowed: 0, or another references"
        raise _wrong(f"{place}.most_references", told)
    if way == "json_fields" and most > len(knobs.reference_names):
        names = ", ".join(knobs.reference_names)
        told = (
            f"{most} is more than knobs.reference_names has ({names}); allowed: 0 to {len(knobs.reference_names)}"
        )
        raise _wrong(f"{place}.most_references", told)
    if most and way == "json_list" and not knobs.reference_names:
        raise _wrong(f"{place}.most_references", f"{most} pictures need a name in knobs.reference_names")
    if model.mask and (not most or way not in _WITH_MASK):
        ways = " or ".join(_WITH_MASK)
        told = f"a mask needs pictures (most_references), and knobs.references {ways}; allowed: false"
        raise _wrong(f"{place}.mask", told)


def _check_sizes(knobs: Knobs, model: Model, place: str) -> None:
    form, allowed = {
        "width_height": (_PIXELS, "WIDTHxHEIGHT, auto"),
        "aspect_ratio": (_SHAPE, "shapes such as 16:9, auto"),
    }.get(knobs.size_form, (None, ""))
    named = [("sizes", size) for size in model.sizes]
    named += [] if model.default_size is None else [("default_size", model.default_size)]
    for key, size in named:
        if form is not None and size != AUTO and not form.fullmatch(size):
            raise _wrong(f"{place}.{key}", f"{size!r} is not allowed; allowed: {allowed}")
    default = model.default_size
    if model.sizes and model.free is None and default not in (None, AUTO, *model.sizes):
        raise _wrong(f"{place}.default_size", f"{default!r} is not allowed; allowed: {', '.join(model.sizes)}")


def _check_free(_knobs: Knobs, model: Model, place: str) -> None:
    free = model.free or FreeSizes()
    for least, most in (("least_edge", "most_edge"), ("least_pixels", "most_pixels")):
        low, high = getattr(free, least), getattr(free, most)
        if low > high:
            raise _wrong(f"{place}.free.{least}", f"{low} is above {most}, {high}")


def _check_money(_knobs: Knobs, model: Model, place: str) -> None:
    """Check that what a picture costs is known, or unknown: never nothing for want of a name."""
    if model.price_most is not None and (model.price is None or model.price_most < model.price):
        told = f"{model.price_most:g} is the upper end of price; allowed: with a price that is not above it"
        raise _wrong(f"{place}.price_most", told)
    if model.tokens and "image_out" not in model.tokens:
        raise _wrong(f"{place}.tokens", "image_out is missing, what the tokens of a picture cost")
    if model.tokens and model.price is None and not model.by_quality:
        told = "what is expected beforehand is missing; allowed: with price or by_quality"
        raise _wrong(f"{place}.tokens", told)
    quality: Any = model.takes.get("quality")
    known = getattr(quality, "allowed", ())
    for name in model.by_quality:
        if name not in known:
            told = f"{name!r} is no quality that it takes; allowed: {', '.join(map(str, known)) or '-'}"
            raise _wrong(f"{place}.by_quality", told)
