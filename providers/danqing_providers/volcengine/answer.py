"""Ark's answer to one call, as a sequence of what it says: pictures, failures, the end.

Source: Volcengine's image API pages 82379/1541523 and 82379/1824137 (streaming), read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs
import orjson

from danqing_plugins import OutcomeUnknown, PluginError, Source
from danqing_providers.volcengine.failures import Answered, find_error, meaning_of
from danqing_providers.volcengine.sse import Event

__all__ = ["Ended", "Failed", "Made", "News", "Refused", "read_event", "read_whole"]

_LAYER: Final = ("z_index", "name", "description", "bounding_box", "size")
_PARTS: Final = {
    "image_generation.partial_succeeded",
    "image_generation.partial_failed",
}


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
class Ended:
    """Nothing follows. `usage` holds whole numbers: Ark's own count."""

    usage: Mapping[str, int]


News = Made | Failed | Refused | Ended


def read_whole(body: bytes, answered: Answered) -> Iterator[News]:
    """Read an answer that came in one piece, with status 200.

    Raises:
        OutcomeUnknown: it says neither that pictures were made nor that none were.
    """
    answer = _object(body, answered)
    error = find_error(answer)
    data = answer.get("data")
    items = data if isinstance(data, list) else []
    if error is None and not items:
        raise _unreadable("Ark answered without pictures and without an error", answered)
    for position, item in enumerate(items):
        yield _item(position, item, answered)
    if error is not None:
        yield Refused(error=meaning_of(*error, answered))
    yield Ended(usage=_usage(answer))


def read_event(event: Event, position: int, answered: Answered) -> News | None:
    """Read one event of a stream; None when it tells nothing we use.

    *position* is that of the next picture, for an event that does not say its own.

    Raises:
        OutcomeUnknown: it is no JSON object.
    """
    if event.data.strip() == "[DONE]":
        return None
    answer = _object(event.data, answered)
    kind = answer.get("type") if isinstance(answer.get("type"), str) else None
    kind = event.name if event.name != "message" else kind or event.name
    if kind in _PARTS:
        index = answer.get("image_index")
        return _item(index if type(index) is int else position, answer, answered)
    error = find_error(answer)
    if error is not None:
        return Refused(error=meaning_of(*error, answered))
    return Ended(usage=_usage(answer)) if kind == "image_generation.completed" else None


def _item(position: int, item: Any, answered: Answered) -> Made | Failed:
    if not isinstance(item, Mapping):
        raise _unreadable("Ark answered with something that is no picture", answered)
    url, encoded = item.get("url"), item.get("b64_json")
    if isinstance(url, str) and url:
        source = Source.from_url(url)
    elif isinstance(encoded, str) and encoded:
        source = Source.from_base64(encoded)
    else:
        error = find_error(item)
        if error is None:
            raise _unreadable("Ark answered with neither a picture nor an error", answered)
        return Failed(position=position, error=meaning_of(*error, attrs.evolve(answered, status=None)))
    details = {name: item[name] for name in _LAYER if item.get(name) is not None}
    return Made(position=position, source=source, details=details)


def _object(text: bytes | str, answered: Answered) -> Mapping[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _unreadable("Ark's answer is no JSON", answered) from error
    if not isinstance(value, Mapping):
        raise _unreadable("Ark's answer is no JSON object", answered)
    return value


def _usage(answer: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts in `usage`, those of tools with their group's name before their own."""
    usage = answer.get("usage")
    counts: dict[str, int] = {}
    for name, value in usage.items() if isinstance(usage, Mapping) else ():
        if type(value) is int:
            counts[name] = value
        elif isinstance(value, Mapping):
            counts.update({f"{name}_{key}": number for key, number in value.items() if type(number) is int})
    return counts


def _unreadable(message: str, answered: Answered) -> OutcomeUnknown:
    return OutcomeUnknown(message, code="unreadable_answer", request_id=answered.request_id)
