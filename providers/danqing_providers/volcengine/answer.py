"""Ark's answer to one call, as a sequence of what it says: pictures, failures, the end.

Source: Volcengine's image API pages 82379/1541523 and 82379/1824137 (streaming), read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from danqing_plugins import OutcomeUnknown, PluginError, Source
from danqing_plugins.kit.documents import LARGEST_COUNT, plain, read_object
from danqing_plugins.kit.failures import Answered
from danqing_plugins.kit.sources import source_of
from danqing_plugins.kit.sse import Event
from danqing_providers.volcengine import texts
from danqing_providers.volcengine.failures import FAILURES, find_error

__all__ = [
    "Ended",
    "Failed",
    "Made",
    "News",
    "Refused",
    "Unread",
    "has_pictures",
    "read_event",
    "read_whole",
    "unreadable",
]

_LAYER: Final = ("z_index", "name", "description", "bounding_box", "size")
_PARTS: Final = frozenset({"image_generation.partial_succeeded", "image_generation.partial_failed"})
_COMPLETED: Final = "image_generation.completed"


@attrs.frozen(kw_only=True)
class Made:
    """Picture number `position` of the call is made. `details` are its size and, of a layer, its place."""

    position: int
    source: Source
    details: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Failed:
    """Picture number `position` of the call is not made."""

    position: int
    error: PluginError


@attrs.frozen(kw_only=True)
class Refused:
    """The rest of the call is not made."""

    error: PluginError


@attrs.frozen(kw_only=True)
class Unread:
    """A part of the answer that cannot be read: it may be a picture. The other parts are good all the same."""

    error: OutcomeUnknown


@attrs.frozen(kw_only=True)
class Ended:
    """Nothing follows. `usage` holds whole numbers: Ark's own count."""

    usage: Mapping[str, int]


News = Made | Failed | Refused | Unread | Ended


def read_whole(answer: Mapping[str, Any], answered: Answered) -> Iterator[News]:
    """Read an answer that came in one piece.

    Raises:
        OutcomeUnknown: it says neither that pictures were made nor that none were.
    """
    error = find_error(answer)
    items = _items(answer, answered)
    if error is None and not items:
        raise unreadable(texts.NOTHING_AT_ALL(), answered)
    for position, item in enumerate(items):
        yield _item(position, item, answered)
    if error is not None:
        yield Refused(error=FAILURES.meaning_of(error, answered))
    yield Ended(usage=_usage(answer))


def has_pictures(answer: Mapping[str, Any], answered: Answered) -> bool:
    """Say whether *answer* holds a picture, whatever it came as."""
    return any(source_of(item, answered.base_url) is not None for item in _items(answer, answered))


def read_event(event: Event, position: int, answered: Answered) -> Iterator[News]:
    """Read one event of a stream; nothing when it tells nothing we use.

    *position* is that of the next picture, for an event that does not say its own.
    """
    if event.data.strip() == "[DONE]":
        return
    answer = read_object(event.data)
    if answer is None:
        yield Unread(error=unreadable(texts.EVENT_NO_JSON(), answered))
        return
    kinds = (event.name, answer.get("type"))
    if any(kind in _PARTS for kind in kinds if isinstance(kind, str)):
        index = answer.get("image_index")
        yield _item(index if type(index) is int else position, answer, answered)
    elif isinstance(answer.get("data"), list):
        yield from read_whole(answer, answered)
    elif (error := find_error(answer)) is not None:
        yield Refused(error=FAILURES.meaning_of(error, answered))
    elif _COMPLETED in kinds:
        yield Ended(usage=_usage(answer))


def _items(answer: Mapping[str, Any], answered: Answered) -> list[Any]:
    """Return the pictures of *answer*; one picture may come without its list."""
    data = answer.get("data")
    if isinstance(data, list):
        return data
    return [each for each in (data, answer) if source_of(each, answered.base_url) is not None][:1]


def _item(position: int, item: Any, answered: Answered) -> Made | Failed | Unread:
    source = source_of(item, answered.base_url)
    if source is not None:
        details = {name: plain(item[name]) for name in _LAYER if item.get(name) is not None}
        return Made(position=position, source=source, details=details)
    error = find_error(item)
    if error is None:
        return Unread(error=unreadable(texts.NEITHER_PICTURE_NOR_ERROR(), answered))
    return Failed(position=position, error=FAILURES.meaning_of(error, attrs.evolve(answered, status=None)))


def _usage(answer: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts in `usage`, those of tools with their group's name before their own."""
    usage = answer.get("usage")
    counts: dict[str, Any] = {}
    for name, value in usage.items() if isinstance(usage, Mapping) else ():
        if isinstance(value, Mapping):
            counts.update({f"{name}_{key}": number for key, number in value.items()})
        else:
            counts[name] = value
    return {plain(name): value for name, value in counts.items() if _is_count(value)}


def _is_count(value: Any) -> bool:
    return type(value) is int and abs(value) <= LARGEST_COUNT


def unreadable(message: str, answered: Answered) -> OutcomeUnknown:
    """Return the error of an answer that does not tell what became of the call."""
    return OutcomeUnknown(message, code="unreadable_answer", request_id=answered.request_id)
