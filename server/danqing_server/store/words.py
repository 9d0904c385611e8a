"""Texts in documents that name nobody, though they may read like somebody's name: "completed", "one", "CNY".

What is not known here may be a name: a field of another release, whatever a client or a service said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import bson
from bson.errors import BSONError

from danqing_plugins import OutputKind, TaskEventKind
from danqing_plugins.billing import Billed, CallOutcome
from danqing_server.records.accounts import LineKind
from danqing_server.records.batches import BatchStatus, Mode
from danqing_server.records.deliveries import DeliveryState
from danqing_server.records.lanes import LaneActKind
from danqing_server.records.outputs import OutputState
from danqing_server.records.tasks import Priority, Status
from danqing_server.records.tenancy import Scope

__all__ = ["CLOSED", "Named", "nobodys"]


class Named(StrEnum):
    """What a name is looked for as."""

    USER = "user"
    PROJECT = "project"


CLOSED: Final[Mapping[str, frozenset[str]]] = {
    "status": frozenset({*Status, *BatchStatus}),
    "state": frozenset({*OutputState, *DeliveryState}),
    "outcome": frozenset(CallOutcome),
    "late_outcome": frozenset(CallOutcome),
    "billed": frozenset(Billed),
    "priority": frozenset(Priority),
    "kind": frozenset({*OutputKind, *LineKind, *LaneActKind, *TaskEventKind}),
    "mode": frozenset(Mode),
    "scopes": frozenset(Scope),
}
"""Fields that hold one of our own words, and which: another text in them may be a name."""

_OURS: Final = frozenset(
    {
        *("provider", "model", "lane_word", "type", "media_type", "currency"),
        *("code", "error_code", "provider_code", "on_ambiguous", "on_rejected"),
    }
)
"""Fields whose texts the server, its plugins and who sets it up choose, whoever asks."""

_SAID: Final = frozenset({"input", "usage", "result", "saved"})
"""Below these stands what a client or a service said: anything."""

_OF_OTHERS: Final[Mapping[Named, frozenset[str]]] = {
    Named.USER: frozenset({"owner", "project", "key"}),
    Named.PROJECT: frozenset({"user_id", "user"}),
}
"""Fields that name somebody, who is of the other sort."""

_IDS_OF_OTHERS: Final[Mapping[Named, frozenset[str]]] = {
    Named.USER: frozenset({"danqing_lanes", "danqing_projects", "danqing_api_keys"}),
    Named.PROJECT: frozenset({"danqing_lanes", "danqing_users"}),
}
"""Collections whose documents are called by something of another sort."""

_Path = tuple[str, ...]


def nobodys(name: str, named: Named, collection: str, raw: bytes) -> int:
    """Return how often a document has *name* as a whole text where it names nobody of that sort."""
    ids = _IDS_OF_OTHERS[named]
    found = (path for path, text in _texts(bson.decode(raw), ()) if text == name)
    return sum((path == ("_id",) and collection in ids) or _is_nobodys(name, named, path) for path in found)


def _is_nobodys(name: str, named: Named, path: _Path) -> bool:
    if not _SAID.isdisjoint(path):
        return False
    field = path[-1]
    return field in _OURS or field in _OF_OTHERS[named] or name in CLOSED.get(field, ())


def _texts(value: Any, path: _Path) -> Iterator[tuple[_Path, str]]:
    """Yield every text with the names that lead to it; what stands in a list has its list's."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, path)
    elif isinstance(value, bytes):
        yield from _texts(_unpacked(value), path[:-1])


def _unpacked(value: bytes) -> Any:
    """Return the document that a batch keeps as bytes, None when they are none."""
    try:
        return bson.decode(value)
    except BSONError:
        return None
