"""What both kinds of requests have in common: whom they are for, and what of them a model is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from danqing_plugins import Message
from danqing_server.doors.ark.addressing import Address
from danqing_server.doors.body_shapes import LONGEST_NAME, LONGEST_USER_ID
from danqing_server.doors.fields import Fields

__all__ = ["NOBODY", "read_model", "read_user", "refuse_pictures", "told_model"]

NOBODY = "ark"
"""Whose a task is when its request does not say: Ark's own have no such field."""

NOT_TAKEN = Message(
    key="ark.not_taken", en="this model takes none, or not in this place", zh="所选模型不支持，或不支持放在此处"
)


def read_model(fields: Fields) -> str:
    """Return the model's name; a problem is noted, and it is empty, when there is none."""
    return fields.text("model", 1, LONGEST_NAME, required=True) or ""


def read_user(fields: Fields, *names: str) -> str:
    """Return whose task it is: the first of *names* that is given, and not empty."""
    for name in names:
        if fields.given(name) not in (None, ""):
            return fields.text(name, 1, LONGEST_USER_ID) or NOBODY
    return NOBODY


def told_model(given: Mapping[str, Any], address: Address) -> dict[str, Any]:
    """Return what of *given* a model is told.

    A provider of Ark's language is told what it knows, and refuses what the model does not take, as Ark does. Of
    others only what the model takes is asked: Ark's clients send all that Ark has.
    """
    renamed = {_name_at(name, address): value for name, value in given.items()}
    return {
        name: _spelt(value, address.schemas.get(name, {}))
        for name, value in renamed.items()
        if address.names.get(name, False) or (address.speaks_ark and name in address.names)
    }


def refuse_pictures(fields: Fields, names: Iterable[str], address: Address, field: str) -> None:
    """Note that a reference is not taken: what was made without it would be something else."""
    if address.names and not all(name in address.names for name in names):
        fields.report(field, NOT_TAKEN)


def _name_at(name: str, address: Address) -> str:
    return "aspect_ratio" if name == "ratio" and "ratio" not in address.names else name


def _spelt(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return *value* as the model writes it: `720P` for `720p`."""
    if not isinstance(value, str):
        return value
    allowed = [each for each in schema.get("enum", ()) if isinstance(each, str)]
    return next((each for each in allowed if each.lower() == value.lower()), value)
