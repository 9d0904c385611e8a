"""Reads a preset: its tables, and what `danqing.toml` writes over them.

A model may be `like` another before it: what it does not say is the other's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from danqing_plugins import ConfigurationError, nearest
from danqing_plugins.kit.parameters import Parameter
from danqing_plugins.settings import Kind, choice, flag, number, table, text, texts, url, whole
from danqing_providers.openai_images.parameters import PARAMETERS, narrowed, new_parameter
from danqing_providers.openai_images.presets import over, raw_preset
from danqing_providers.openai_images.sense import OURS, require_plain, require_sense
from danqing_providers.openai_images.values import MIB, FreeSizes, Knobs, Model, Preset

__all__ = ["preset_of"]

MOST_PRICE: Final = 1000.0


def _texts_by_name(value: object) -> Mapping[str, str]:
    found = table().parse(value)
    return {str(name): text().parse(each) for name, each in found.items()}


def _constants(value: object) -> Mapping[str, Any]:
    found: Mapping[str, Any] = table().parse(value)
    if any(not isinstance(each, str | int | float | bool) for each in found.values()):
        raise ValueError("each value is a text, a number or a flag")
    return found


def _prices(value: object) -> Mapping[str, float]:
    return {str(name): _PRICE.parse(each) for name, each in table().parse(value).items()}


def _rates(value: object) -> Mapping[str, float]:
    """Read the prices of tokens. A name that is none would count them as free."""
    found = _prices(value)
    for name in found:
        if name not in _TOKENS:
            near = nearest(name, _TOKENS)
            raise ValueError(f"{name} is unknown" + (f", did you mean {near}?" if near else ""))
    return found


def _words(value: object) -> Any:
    """Read a text, or one for each language: `{ en = "…", zh = "…" }`."""
    if not isinstance(value, dict):
        return text().parse(value)
    if value.keys() != {"en", "zh"}:
        raise ValueError
    return _texts_by_name(value)


def _statuses(value: object) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise ValueError
    return tuple(whole(400, 599).parse(each) for each in value)


def _lane(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", value):
        raise ValueError
    return value


def _header(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", value.strip()):
        raise ValueError
    return value.strip()


def _any_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value.strip()


_TOKENS: Final = ("text_in", "image_in", "text_out", "image_out")
_PRICE: Final = number(0, MOST_PRICE)
_COUNT: Final = whole(0, 1_000_000_000_000)
_TEXT_OR_NONE: Final = Kind(allowed="a text, or an empty one", parse=_any_text)
_NAMES: Final = Kind(allowed="a table of texts", parse=_texts_by_name)
_PRICES: Final = Kind(allowed=f"a table of prices from 0 to {MOST_PRICE:g}", parse=_prices)
_RATES: Final = Kind(allowed=f"a table of {', '.join(_TOKENS)}, from 0 to {MOST_PRICE:g}", parse=_rates)
_WORDS: Final = Kind(allowed='a text, or { en = "…", zh = "…" }', parse=_words)
_STATUSES: Final = Kind(allowed="a list of statuses from 400 to 599", parse=_statuses)
_NAMED: Final = Kind(allowed="a list of parameters", parse=lambda value: texts().parse(value))
_PATH: Final = Kind(allowed="a path that begins with /", parse=lambda value: _path(value))


def _path(value: object) -> str:
    found = _any_text(value)
    if not found.startswith("/"):
        raise ValueError
    return found


KNOBS: Final[Mapping[str, Kind]] = {
    "auth_header": Kind(allowed="the name of a header, or an empty text", parse=_header),
    "auth_scheme": _TEXT_OR_NONE,
    "generations_path": _PATH,
    "edits_path": _PATH,
    "query": _NAMES,
    "drop": texts(),
    "rename": _NAMES,
    "constants": Kind(allowed="a table of texts, numbers and flags", parse=_constants),
    "size_form": choice("size", "width_height", "aspect_ratio"),
    "most_per_call": whole(1, 100),
    "most_outputs": whole(1, 100),
    "longest_prompt": whole(1, 1_000_000),
    "references": choice("multipart", "json_images", "json_image", "json_fields", "json_list", "none"),
    "reference_names": texts(),
    "reference_formats": texts(),
    "reference_bytes": whole(1, 512 * MIB),
    "raw_base64": flag(),
    "extra": flag(),
    "items": text("the name of the answer's list of pictures"),
    "moderation_flag": _TEXT_OR_NONE,
    "empty_is_moderation": flag(),
    "ticks_per_unit": _COUNT,
    "streams": flag(),
    "request_ids": texts(),
    "moderation_codes": texts(),
    "account_codes": texts(),
    "rate_codes": texts(),
    "model_rate_codes": texts(),
    "unavailable_codes": texts(),
    "invalid_codes": texts(),
    "account_statuses": _STATUSES,
    "unavailable_statuses": _STATUSES,
}
FREE: Final[Mapping[str, Kind]] = {
    "step": whole(1, 4096),
    "least_edge": whole(1, 65_536),
    "most_edge": whole(1, 65_536),
    "most_ratio": number(1, 100),
    "least_pixels": _COUNT,
    "most_pixels": _COUNT,
}
MODEL: Final[Mapping[str, Kind]] = {
    "id": text("the model's id"),
    "title": _WORDS,
    "upstream": text("the model's name at the service"),
    "aliases": texts(),
    "takes": table("a table of parameters"),
    "sizes": texts(),
    "default_size": text("a size"),
    "free": table("a table of limits: step, least_edge, most_edge, most_ratio, least_pixels, most_pixels"),
    "most_per_call": whole(1, 100),
    "least_references": whole(0, 64),
    "most_references": whole(0, 64),
    "mask": flag(),
    "lane": Kind(allowed="a word of lower-case letters, digits and _, at most 32", parse=_lane),
    "price": _PRICE,
    "price_most": _PRICE,
    "tokens": _RATES,
    "by_quality": _PRICES,
}
PRESET: Final[Mapping[str, Kind]] = {
    "title": _WORDS,
    "base_url": url(),
    "currency": text("a currency of ISO 4217, such as USD"),
    "default_model": text("a model's id"),
    "homepage": url(),
    "concurrency": whole(1, 1000),
    "images_per_minute": whole(0, 1_000_000),
}
_ELSEWHERE: Final = ("knobs", "takes", "models", "without", "key_variable", "url_variable", "needs_key")
_OWN: Final = ("title", "upstream", "aliases")
"""What a model does not have from the one it is like."""


def preset_of(name: str, written: Mapping[str, Any], place_of: Callable[[str], str] = str) -> Preset:
    """Return preset *name* with what *written* says over it.

    *place_of* returns where something was written, to begin a message with. Raises: ConfigurationError, of the
    first thing that is wrong.
    """
    base = raw_preset(name)
    require_plain(base, written, place_of, f"{_listed(MODEL)}, like, leaves")
    raw = over(base, written)
    taken = _take(PRESET, {key: value for key, value in raw.items() if key not in _ELSEWHERE}, place_of)
    models = _models(raw, place_of)
    default = taken.pop("default_model", None) or next(iter(models))
    if default not in models:
        place = place_of("default_model")
        raise ConfigurationError(f"{place}: {default!r} is no model; allowed: {_listed(models)}")
    knobs = place_of("knobs")
    preset = Preset(
        name=name,
        base_url=taken.pop("base_url", None),
        currency=taken.pop("currency", "USD"),
        default_model=default,
        models=models,
        knobs=Knobs(**_take(KNOBS, raw["knobs"], lambda knob: f"{knobs}.{knob}")),
        images_per_minute=taken.pop("images_per_minute", None) or None,
        **taken,
    )
    require_sense(preset, place_of)
    return preset


def _models(raw: Mapping[str, Any], place_of: Callable[[str], str]) -> Mapping[str, Model]:
    place = place_of("models")
    merged: dict[str, dict[str, Any]] = {}
    for number_, written in enumerate(raw["models"], start=1):
        id_ = written.get("id")
        if not isinstance(id_, str) or not id_.strip():
            raise ConfigurationError(f"{place}: model {number_} has no id, a text")
        like = written.get("like", id_)
        if "like" in written and like not in merged:
            raise ConfigurationError(f"{place}.{id_}.like: {like!r} is no model before it: {_listed(merged)}")
        merged[id_] = _altered(merged.get(like, {"takes": raw["takes"]}), written)
    offered = {id_: each for id_, each in merged.items() if not each["hidden"]}
    if not offered:
        raise ConfigurationError(f"{place}: name at least one model, by its id")
    return {id_: _model(each, f"{place}.{id_}", place_of("takes")) for id_, each in offered.items()}


def _altered(base: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    takes = {**base["takes"], **written.get("takes", {})}
    leaves = written.get("leaves", base.get("leaves", []))
    same = written["id"] == base.get("id")
    inherited = {key: value for key, value in base.items() if same or key not in _OWN}
    own = {key: value for key, value in written.items() if key != "like"}
    return {**inherited, **own, "takes": takes, "leaves": leaves, "hidden": written.get("hidden", False)}


def _model(raw: Mapping[str, Any], place: str, takes: str) -> Model:
    kept = {key: value for key, value in raw.items() if key not in ("leaves", "hidden")}
    taken = _take(MODEL, kept, lambda name: f"{place}.{name}")
    taken.setdefault("title", taken["id"])
    taken.setdefault("upstream", taken["id"])
    leaves = _read(_NAMED, raw["leaves"], f"{place}.leaves")
    for name in leaves:
        if name not in taken["takes"]:
            raise ConfigurationError(
                f"{place}.leaves: {name!r} is no parameter that it takes; allowed: {_listed(taken['takes'])}"
            )
    taken["takes"] = {
        name: _parameter(name, written, f"{takes}.{name}")
        for name, written in taken["takes"].items()
        if name not in leaves
    }
    if "free" in taken:
        taken["free"] = FreeSizes(**_take(FREE, taken["free"], lambda name: f"{place}.free.{name}"))
    return Model(**taken)


def _parameter(name: str, written: object, place: str) -> Parameter:
    if not isinstance(written, dict):
        raise ConfigurationError(f"{place}: expected a table, {{}} when nothing is narrowed")
    if name in OURS:
        raise ConfigurationError(f"{place}: each model has it by tables of its own; allowed: other names")
    known = PARAMETERS.get(name)
    try:
        return new_parameter(name, written) if known is None else narrowed(known, written)
    except (ValueError, TypeError, KeyError) as error:
        near = nearest(name, PARAMETERS) if known is None else None
        hint = f"; did you mean {near}?" if near else ""
        raise ConfigurationError(f"{place}: {error}{hint}") from None


def _take(kinds: Mapping[str, Kind], written: Mapping[str, Any], place_of: Callable[[str], str]) -> dict[str, Any]:
    """Return *written*, each value read by its kind. Raises: ConfigurationError."""
    for name in written:
        if name not in kinds:
            near = nearest(name, kinds)
            hint = f"did you mean {near}? " if near else ""
            raise ConfigurationError(f"{place_of(name)}: unknown; {hint}allowed: {_listed(kinds)}")
    return {name: _read(kinds[name], value, place_of(name)) for name, value in written.items()}


def _read(kind: Kind, value: object, place: str) -> Any:
    try:
        return kind.parse(value)
    except ValueError as error:
        because = f" ({error})" if str(error) else ""
        shown = str(value)[:80]
        raise ConfigurationError(f"{place}: {shown!r} is not allowed{because}; allowed: {kind.allowed}") from None


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(names) or "-"
