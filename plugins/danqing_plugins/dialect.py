"""The dialect of JSON Schema in which models describe their input, so that a form can be made of it.

Each property has a title and a description in English and Chinese, and `x-ui`; see `docs/plugins.md`, "Parameters".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from danqing_plugins.messages import Text

__all__ = ["GROUPS", "WIDGETS", "gaps_in"]

GROUPS: Final = frozenset({"main", "more"})
WIDGETS: Final = frozenset(
    {"prompt", "text", "size", "references", "switch", "chips", "select", "number", "seed", "group", "json"}
)
_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")


def gaps_in(schema: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Yield what *schema* lacks of the dialect, a sentence each; *where* names what it is the schema of."""
    properties = schema.get("properties", {})
    hints = [part.get("x-ui") for part in properties.values() if isinstance(part, Mapping)]
    orders = [each["order"] for each in hints if isinstance(each, Mapping) and "order" in each]
    if len(set(orders)) < len(orders):
        yield f"{where or 'the input'}: two properties have one order"
    for name, part in properties.items():
        path = f"{where}.{name}" if where else name
        if not isinstance(part, Mapping):
            yield f"{path}: its schema is no object"
            continue
        yield from _words_missing(part, path)
        if isinstance(part.get("x-ui"), Mapping):
            yield from _wrong_hints(part["x-ui"], part, properties, path)
        else:
            yield f"{path}: x-ui is missing"
        yield from gaps_in(part, path)


def _words_missing(part: Mapping[str, Any], path: str) -> Iterator[str]:
    for key in ("title", "description"):
        said = part.get(key)
        if not isinstance(said, Text) or not said or not _CHINESE.search(said.zh):
            yield f"{path}: {key} must be a Text in English and Chinese"


def _wrong_hints(
    hints: Mapping[str, Any], part: Mapping[str, Any], beside: Mapping[str, Any], path: str
) -> Iterator[str]:
    if type(hints.get("order")) not in (int, float):
        yield f"{path}: x-ui.order must be a number"
    if hints.get("group") not in GROUPS:
        yield f"{path}: x-ui.group must be one of {', '.join(sorted(GROUPS))}"
    if hints.get("widget") not in WIDGETS:
        yield f"{path}: x-ui.widget must be one of {', '.join(sorted(WIDGETS))}"
    strangers = sorted(set(hints.get("when", ())) - set(beside))
    if strangers:
        yield f"{path}: x-ui.when names {', '.join(strangers)}, which the input does not have"
    if "advice" in hints and not isinstance(hints["advice"], Text):
        yield f"{path}: x-ui.advice must be a Text in English and Chinese"
    labels = hints.get("labels", {})
    unlabelled = sorted(str(value) for value in part.get("enum", ()) if str(value) not in labels)
    if labels and unlabelled:
        yield f"{path}: x-ui.labels leaves out {', '.join(unlabelled)}"
    if hints.get("widget") == "size" and not any(hints.get(key) for key in ("tiers", "sizes", "free")):
        yield f"{path}: a size needs x-ui.tiers, x-ui.sizes or x-ui.free"
    if not all(type(side) is int and side > 0 for side in hints.get("squares", {}).values()):
        yield f"{path}: x-ui.squares must be pixels"
    if not all(isinstance(label, Text) for label in labels.values()):
        yield f"{path}: x-ui.labels must be Texts in English and Chinese"
