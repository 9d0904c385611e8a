"""OpenAI's words for size and quality, in a model's own: by what the model says of its parameters.

Clients send constants of OpenAI's models (`1024x1792`, `hd`, `auto`); a refusal would break them, so what a model
does not take becomes what comes nearest. A note in the task says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["AUTOMATIC", "fit_choice", "fit_size"]

AUTOMATIC = "auto"

QUALITIES: Mapping[str, Sequence[str]] = {
    "low": ("low", "standard"),
    "medium": ("medium", "standard"),
    "standard": ("standard", "medium"),
    "hd": ("hd", "high"),
    "high": ("high", "hd"),
    "xhigh": ("xhigh", "high", "hd"),
    "max": ("max", "xhigh", "high", "hd"),
}
"""By each word the ones that may stand for it, the best first."""

FORMATS: Mapping[str, Sequence[str]] = {"jpeg": ("jpeg", "jpg"), "jpg": ("jpeg", "jpg")}

_SIZE = re.compile(r"([0-9]{1,6})\s*[xX*×]\s*([0-9]{1,6})", re.ASCII)
_RATIO = re.compile(r"([0-9]{1,3}):([0-9]{1,3})", re.ASCII)

Pixels = tuple[int, int]
Schemas = Mapping[str, Any]


def fit_choice(name: str, value: object, schema: Mapping[str, Any]) -> object:
    """Return what a model takes for *value* of the parameter *name*; None: nothing, its default."""
    allowed = schema.get("enum")
    if allowed is None or value in allowed:
        return value
    others = {"quality": QUALITIES, "output_format": FORMATS}.get(name, {}).get(str(value), ())
    return next((other for other in others if other in allowed), None)


def fit_size(size: str, takes: Schemas) -> Mapping[str, object]:
    """Return the parameters that ask a model for *size*; none where it has no say in that.

    A size that is no `WxH` is passed on as it is: the model's own word, or a mistake that its provider names.
    """
    pixels = _parse(_SIZE, size)
    if "size" in takes:
        return {"size": _fit_pixels(pixels, takes["size"]) if all(pixels) else size}
    if not all(pixels):
        return {}
    for name in ("aspect_ratio", "ratio"):
        ratios = [each for each in takes.get(name, {}).get("enum", ()) if _RATIO.fullmatch(str(each))]
        if ratios:
            return {name: min(ratios, key=lambda each: _distance(_parse(_RATIO, str(each)), pixels))}
    return {}


def _fit_pixels(wanted: Pixels, schema: Mapping[str, Any]) -> str:
    hints: Mapping[str, Any] = schema.get("x-ui", {})
    named = [str(each) for each in schema.get("enum") or (*hints.get("tiers", ()), *hints.get("sizes", ()))]
    same = [each for each in named if _parse(_SIZE, each) == wanted]
    if same:
        return same[0]
    if "enum" not in schema or hints.get("free"):
        return "x".join(map(str, _fit_free(wanted, hints)))
    sizes = [each for each in named if _SIZE.fullmatch(each)]
    if not sizes:
        return "x".join(map(str, wanted))
    return min(sizes, key=lambda each: (_distance(_parse(_SIZE, each), wanted), _distance_of_area(each, wanted)))


def _fit_free(wanted: Pixels, hints: Mapping[str, Any]) -> Pixels:
    """Return the size of about the same shape that keeps to a model's bounds; itself when it does."""
    step = int(hints.get("step") or 1)
    low, high = hints.get("area") or (1, math.inf)
    least, most = hints.get("sides") or (1, math.inf)
    width, height = wanted
    widest = float(hints.get("widest") or math.inf)
    if max(wanted) > widest * min(wanted):
        short = max(wanted) / widest
        width, height = (max(width, math.ceil(short)), max(height, math.ceil(short)))
    area, short, long = width * height, min(width, height), max(width, height)
    grow = max(1.0, math.sqrt(low / area), least / short)
    shrink = min(1.0, math.sqrt(high / area), most / long)
    if grow > 1.0:
        return _stepped(width * grow, height * grow, step, math.ceil)
    if shrink < 1.0:
        return _stepped(width * shrink, height * shrink, step, math.floor)
    return _stepped(width, height, step, round)


def _stepped(width: float, height: float, step: int, rounded: Any) -> Pixels:
    near = [round(side, 6) for side in (width, height)]  # 1920.0000000000002 is no reason to go a step further
    found = [max(step, int(rounded(side / step)) * step) for side in near]
    return found[0], found[1]


def _parse(form: re.Pattern[str], text: str) -> Pixels:
    found = form.fullmatch(text.strip())
    return (0, 0) if found is None else (int(found[1]), int(found[2]))


def _distance(one: Pixels, other: Pixels) -> float:
    """Return how different two shapes are, 0 for the same."""
    if not all((*one, *other)):
        return math.inf
    return abs(math.log(one[0] * other[1] / (one[1] * other[0])))


def _distance_of_area(size: str, wanted: Pixels) -> float:
    width, height = _parse(_SIZE, size)
    return abs(math.log(width * height / (wanted[0] * wanted[1]))) if width and height else math.inf
