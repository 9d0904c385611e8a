"""The pictures in an answer, and what it says of their cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from danqing_plugins.kit.documents import plain
from danqing_providers.openai_images.values import Knobs

__all__ = ["items_of", "usage_of", "was_taken_back"]

_LISTS: Final = ("data", "images")
_DETAILS: Final = "_tokens_details"


def items_of(knobs: Knobs, document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the entries of the answer's list of pictures, under whichever name it is."""
    for name in (knobs.items, *_LISTS):
        found = document.get(name)
        if isinstance(found, list) and found:
            return [each if isinstance(each, Mapping) else {} for each in found]
    return []


def was_taken_back(knobs: Knobs, item: Mapping[str, Any]) -> bool:
    """Say whether the service's moderation took the picture of *item* back."""
    return bool(knobs.moderation_flag) and item.get(knobs.moderation_flag) is False


def usage_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer's count with its details beside it: `input_text_tokens`, `output_image_tokens`, …"""
    usage = document.get("usage")
    if not isinstance(usage, Mapping):
        return {}
    flat: dict[str, Any] = {}
    for name, value in usage.items():
        if isinstance(value, Mapping) and name.endswith(_DETAILS):
            side = name.removesuffix(_DETAILS)
            flat |= {f"{side}_{part}": count for part, count in value.items() if _is_number(count)}
        elif _is_number(value):
            flat[name] = value
    found: dict[str, Any] = plain(flat)
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
