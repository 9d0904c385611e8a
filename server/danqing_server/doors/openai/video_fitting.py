"""OpenAI's words for a video's size and length, in a model's own: by what the model says of its parameters.

What a model does not take becomes what comes nearest; a note in the task says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from danqing_server.doors.fitting import fit_size

__all__ = ["FRAMES_A_SECOND", "LENGTHS", "fit_length", "fit_video_size", "short_side_of"]

LENGTHS = ("seconds", "duration", "frames")
"""What models call how long a video is, the plainest first."""

FRAMES_A_SECOND = 24
"""Of models that count frames, as Seedance. Source: volcengine.com/docs/82379/1520757, read 2026-11-28."""

_SIZE = re.compile(r"([0-9]{1,5})\s*[xX*×]\s*([0-9]{1,5})", re.ASCII)
_LINES = re.compile(r"([0-9]{3,4})p", re.IGNORECASE | re.ASCII)
_SECONDS = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,3})?)\s*s?", re.ASCII)
_NAMED_LINES = {"2k": 1440, "4k": 2160}

Schemas = Mapping[str, Any]


def fit_length(seconds: float, takes: Schemas) -> Mapping[str, object]:
    """Return the parameter that makes a video last about *seconds*; none where the model has no say in that."""
    for name in LENGTHS:
        if name in takes:
            wanted = seconds * FRAMES_A_SECOND + 1 if name == "frames" else seconds
            return {name: _nearest(wanted, takes[name])}
    return {}


def fit_video_size(size: str, takes: Schemas) -> Mapping[str, object]:
    """Return the parameters that ask a model for *size*, a `WxH`, a resolution or a shape of its own."""
    for name in ("resolution", "ratio", "aspect_ratio"):
        own = next((each for each in _choices(takes.get(name, {})) if str(each).lower() == size.lower()), None)
        if own is not None:
            return {name: own}
    shape = fit_size(size, takes)
    found = _SIZE.fullmatch(size.strip())
    if found is None or "size" in takes:
        return shape
    lines = _fit_lines(min(int(found[1]), int(found[2])), takes.get("resolution", {}))
    return {**shape, **lines}


def short_side_of(resolution: object) -> int | None:
    """Return how many pixels a resolution's short side has; None: it is no word for that."""
    word = str(resolution)
    found = _LINES.fullmatch(word)
    return int(found[1]) if found is not None else _NAMED_LINES.get(word.lower())


def _fit_lines(short: int, schema: Mapping[str, Any]) -> Mapping[str, object]:
    known = {each: lines for each in _choices(schema) if (lines := short_side_of(each)) is not None}
    if not known or not short:
        return {}
    return {"resolution": min(known, key=lambda each: abs(math.log(known[each] / short)))}


def _nearest(wanted: float, schema: Mapping[str, Any]) -> object:
    """Return what of *schema* comes nearest: of its choices, else within its bounds."""
    bounds = [each for each in (schema, *schema.get("anyOf", ())) if "minimum" in each or "maximum" in each]
    if bounds:
        least, most = bounds[0].get("minimum", -math.inf), bounds[0].get("maximum", math.inf)
        return _number(min(max(wanted, least), most), bounds[0])
    choices = {each: length for each in _choices(schema) if (length := _length_of(each)) is not None}
    if choices:
        return min(choices, key=lambda each: abs(choices[each] - wanted))
    return f"{wanted:g}" if schema.get("type") == "string" else _number(wanted, schema)


def _number(value: float, schema: Mapping[str, Any]) -> float:
    is_whole = schema.get("type") != "number" or value == int(value)
    return round(value) if is_whole else value


def _length_of(choice: object) -> float | None:
    """Return a choice as a number; -1, "as the model likes", is none."""
    found = _SECONDS.fullmatch(str(choice))
    return None if found is None or isinstance(choice, bool) else float(found[1])


def _choices(schema: Mapping[str, Any]) -> Iterator[Any]:
    for each in (schema, *schema.get("anyOf", ())):
        yield from each.get("enum", ())
