"""From the `size` parameter to pixels, with the live service's own sentences (recorded 2026-09-04)."""

from __future__ import annotations

import re

from danqing_providers.arksim.catalogue import ADAPTIVE, RECOMMENDED, Model
from danqing_providers.arksim.refusals import Refusal, invalid

__all__ = ["choose_size"]

_PIXELS = re.compile(r"(\d{1,6})[xX](\d{1,6})")
_TIER = re.compile(r"\d+(\.\d+)?k")
_RATIO = re.compile(r"(?<![\d.])(\d{1,2})\s*[:：]\s*(\d{1,2})(?![\d.])")

# Rows of seededit's table that are on record; the live one has about fifty.
_ADAPTIVE = (
    (512, 1536),
    (736, 1312),
    (832, 1248),
    (864, 1152),
    (1024, 1024),
    (1152, 864),
    (1248, 832),
    (1312, 736),
)
_ADAPTIVE_ROWS = (*_ADAPTIVE, (1536, 512))


def choose_size(model: Model, size: str, prompt: str, reference_ratio: float | None) -> tuple[int, int]:
    """Return width and height in pixels. A tier takes its shape from the prompt ("16:9"), else from the reference.

    Raises:
        Refusal: the model does not make this size.
    """
    wanted = size.lower()
    if wanted == ADAPTIVE and model.default_size == ADAPTIVE:
        return _nearest(_ADAPTIVE_ROWS, reference_ratio or 1.0)
    if wanted in model.tiers:
        square = RECOMMENDED[wanted]
        rows = [*square, *((height, width) for width, height in square)]
        return _nearest(tuple(rows), _ratio_in(prompt) or reference_ratio or 1.0)
    match = _PIXELS.fullmatch(wanted)
    if match is None or model.default_size == ADAPTIVE:
        raise invalid("size", _unreadable(model, wanted))
    width, height = int(match[1]), int(match[2])
    _check_limits(model, width, height)
    return width, height


def _check_limits(model: Model, width: int, height: int) -> None:
    if width == 0:
        raise invalid("size", "invalid width")
    if height == 0:
        raise invalid("size", "invalid height")
    lowest, highest = model.pixels
    if width * height < lowest:
        raise _area(model, f"at least {lowest} pixels")
    if width * height > highest:
        raise _area(model, f"at most {highest} pixels")
    if width > height * model.max_ratio or height > width * model.max_ratio:
        raise invalid("size", f"aspect ratio must be between 1/{model.max_ratio} and {model.max_ratio}")


def _area(model: Model, limit: str) -> Refusal:
    if "layer_decomposition" not in model.parameters:
        return invalid("size", f"image size must be {limit}")
    # 5.0-pro says it in the plural; only the end of its sentence is on record.
    message = f"The parameters `size` specified in the request are not valid: image area must be {limit}."
    return Refusal(400, "InvalidParameter", message, param="size", type_="")


def _unreadable(model: Model, wanted: str) -> str:
    if model.tiers and _TIER.fullmatch(wanted):
        return f"the specified size is not supported for model {model.family}"
    if model.default_size == ADAPTIVE:
        return f"size must be '{ADAPTIVE}'"
    forms = ["'WIDTHxHEIGHT'", *(f"'{tier}'" for tier in model.tiers)]
    if len(forms) == 1:
        return f"size must be {forms[0]}"
    comma = "," if len(forms) > 2 else ""
    return f"size must be one of {', '.join(forms[:-1])}{comma} or {forms[-1]}"


def _ratio_in(prompt: str) -> float | None:
    match = _RATIO.search(prompt)
    if match is None or "0" in (match[1], match[2]):
        return None
    return int(match[1]) / max(int(match[2]), 1)


def _nearest(rows: tuple[tuple[int, int], ...], ratio: float) -> tuple[int, int]:
    return min(rows, key=lambda row: abs(row[0] / row[1] - ratio))
