"""The operator's own list of models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from danqing_plugins import ConfigurationError
from danqing_providers.volcengine.catalogue import Model

__all__ = ["altered_models"]

MOST_PIXELS = 1 << 30


def altered_models(changes: Mapping[str, Any], known: Iterable[Model], place: str) -> dict[str, Model]:
    """Return the live models of *known* with *changes* applied, by id; *place* is where these were set.

    Raises:
        ConfigurationError: a change names no known model, or has a key or value that is not allowed.
    """
    try:
        return _altered_models(changes, known)
    except ValueError as error:
        raise ConfigurationError(f"{place}: {error}") from None


def _altered_models(changes: Mapping[str, Any], known: Iterable[Model]) -> dict[str, Model]:
    table = {model.id: model for model in known}
    offered = {id_: model for id_, model in table.items() if model.live}
    for id_, change in changes.items():
        if change is None:
            offered.pop(id_, None)
            continue
        details = {"like": change} if isinstance(change, str) else change
        if not isinstance(details, dict):
            raise _wrong(id_, "neither a model id, an object nor null")
        offered[id_] = _altered(id_, details, table)
    return offered


def _altered(id_: str, details: Mapping[str, Any], table: Mapping[str, Model]) -> Model:
    like = details.get("like", id_)
    if not isinstance(like, str) or like not in table:
        raise _wrong(id_, f"`like` must be one of {', '.join(table)}")
    base = table[like]
    if like != id_:
        # An endpoint of one's own has one id everywhere.
        base = attrs.evolve(base, id=id_, title=f"{base.title} ({id_})", overseas_id=None, other_ids=())
    for key, value in details.items():
        if key == "like":
            continue
        if key not in _CHANGES:
            raise _wrong(id_, f"unknown key {key!r}; allowed: like, {', '.join(_CHANGES)}")
        base = _CHANGES[key](base, id_, value)
    return attrs.evolve(base, live=True)


def _title(model: Model, id_: str, value: Any) -> Model:
    if not isinstance(value, str) or not value:
        raise _wrong(id_, "`title` must be a text")
    return attrs.evolve(model, title=value)


def _tiers(model: Model, id_: str, value: Any) -> Model:
    allowed = ("1K", "1.5K", "2K", "3K", "4K")
    if not isinstance(value, list) or not all(tier in allowed for tier in value):
        raise _wrong(id_, f"`tiers` must be a list of {', '.join(allowed)}")
    return attrs.evolve(model, tiers=tuple(value), hd_size=value[-1] if value else model.hd_size)


def _pixels(model: Model, id_: str, value: Any) -> Model:
    numbers = isinstance(value, list) and len(value) == 2 and all(type(number) is int for number in value)
    if not numbers or not 0 < value[0] <= value[1] <= MOST_PIXELS:
        raise _wrong(id_, "`pixels` must be [smallest, largest] width * height")
    return attrs.evolve(model, pixels=(value[0], value[1]))


def _default_size(model: Model, id_: str, value: Any) -> Model:
    width, _, height = value.partition("x") if isinstance(value, str) else ("", "", "")
    if value not in model.tiers and not (width.isdecimal() and height.isdecimal()):
        raise _wrong(id_, f"`default_size` must be one of {model.sizes}")
    return attrs.evolve(model, default_size=value)


def _references(model: Model, id_: str, value: Any) -> Model:
    if type(value) is not int or not 0 <= value <= 100:
        raise _wrong(id_, "`most_references` must be 0 to 100")
    return attrs.evolve(model, most_references=value)


_CHANGES: Mapping[str, Callable[[Model, str, Any], Model]] = {
    "title": _title,
    "tiers": _tiers,
    "pixels": _pixels,
    "default_size": _default_size,
    "most_references": _references,
}


def _wrong(id_: str, reason: str) -> ValueError:
    return ValueError(f"{id_[:80]}: {reason}")
