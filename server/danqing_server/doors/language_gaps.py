"""What a provider says of its models in one language alone, so that somebody reads it in the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from danqing_plugins import ProviderInfo
from danqing_plugins.messages import Text
from danqing_server.doors.condition_shapes import LanguageGapShape

__all__ = ["gaps_of"]

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_LETTERS = re.compile(r"[A-Za-z]{2}")
_TEXTS = ("title", "description")


def gaps_of(provider: ProviderInfo) -> Iterator[LanguageGapShape]:
    """Yield each text of a provider's schemas that lacks a language, or both."""
    for model in provider.models:
        for path, text, lacks in _in_schema(model.parameters, ""):
            yield {"provider": provider.name, "model": model.id, "field": path, "text": text, "lacks": lacks}


def _in_schema(schema: Mapping[str, Any], where: str) -> Iterator[tuple[str, str, list[str]]]:
    properties = schema.get("properties", {})
    for name, part in properties.items() if isinstance(properties, Mapping) else ():
        if not isinstance(part, Mapping):
            continue
        path = f"{where}.{name}" if where else name
        for key in _TEXTS:
            yield from _gap(path, key, part.get(key) or "", needed=True)
        hints = part.get("x-ui")
        if isinstance(hints, Mapping):
            yield from _in_hints(hints, path)
        yield from _in_schema(part, path)


def _in_hints(hints: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, list[str]]]:
    yield from _gap(path, "advice", hints.get("advice") or "", needed=False)
    labels = hints.get("labels", {})
    for value, label in labels.items() if isinstance(labels, Mapping) else ():
        if not isinstance(label, Text):  # a label that is a `Text` may well be the same in both: `2K`
            yield from _gap(path, f"label {value}", label, needed=False)


def _gap(path: str, text: str, said: object, *, needed: bool) -> Iterator[tuple[str, str, list[str]]]:
    english, chinese = str(said), said.zh if isinstance(said, Text) else str(said)
    lacks = []
    if not _CHINESE.search(chinese) and (_LETTERS.search(chinese) or needed):
        lacks.append("zh")
    if _CHINESE.search(english) or (needed and not english):
        lacks.append("en")
    if lacks:
        yield path, text, lacks
