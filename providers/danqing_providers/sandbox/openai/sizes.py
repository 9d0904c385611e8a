"""Sizes: which are taken, and what `auto` becomes.

Texts of refusals as recorded, 2026-05 to 2026-10.
"""

from __future__ import annotations

import re
from typing import Final

from danqing_providers.sandbox.openai.catalogue import Model
from danqing_providers.sandbox.openai.errors import USER_ERROR, OpenAIError, invalid_value
from danqing_providers.sandbox.prompts import named_ratio

__all__ = ["settled_size"]

AUTO: Final = "auto"
_SIZE: Final = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")
_FIXED: Final = ("1024x1024", "1024x1536", "1536x1024")
_STEP: Final = 16
_LONGEST_EDGE: Final = 3840
_LEAST_PIXELS: Final = 655_360
_MOST_PIXELS: Final = 8_294_400
_MOST_RATIO: Final = 3


def settled_size(model: Model, size: str, prompt: str, ratio: float | None) -> tuple[int, int]:
    """Return width and height for *size*; *ratio* is the first reference's. Raises: OpenAIError."""
    if size == AUTO:
        return _by_ratio(named_ratio(prompt) or ratio or 1.0)
    found = _SIZE.fullmatch(size)
    if not model.free_sizes:
        if size not in _FIXED or found is None:
            supported = f"{', '.join(_FIXED)}, and {AUTO}"
            raise _refused(f"Invalid size '{size}'. Supported sizes are {supported}.")
        return int(found[1]), int(found[2])
    if found is None:
        raise _refused(f"Invalid size '{size}'. Expected WIDTHxHEIGHT or 'auto'.")
    width, height = int(found[1]), int(found[2])
    if (reason := _broken_rule(width, height)) is not None:
        raise _refused(f"Invalid size '{size}'. {reason}")
    return width, height


def _by_ratio(ratio: float) -> tuple[int, int]:
    if ratio > 1.2:
        return 1536, 1024
    return (1024, 1536) if ratio < 1 / 1.2 else (1024, 1024)


def _broken_rule(width: int, height: int) -> str | None:
    if max(width, height) > _LONGEST_EDGE:
        return f"The longest edge must be less than or equal to {_LONGEST_EDGE}."
    if width % _STEP or height % _STEP:
        return f"Width and height must be divisible by {_STEP}."
    if max(width, height) > _MOST_RATIO * min(width, height):
        return f"The ratio of the long edge to the short edge must not exceed {_MOST_RATIO}:1."
    if width * height < _LEAST_PIXELS:
        return "Requested resolution is below the current minimum pixel budget."
    if width * height > _MOST_PIXELS:
        return "Requested resolution is above the current maximum pixel budget."
    return None


def _refused(message: str) -> OpenAIError:
    return invalid_value("size", message, type_=USER_ERROR)
