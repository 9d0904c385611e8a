"""Which size goes upstream: Ark's limits, and the names Ark does not know."""

from __future__ import annotations

import math
import re
from typing import Final

import attrs

from danqing_providers.volcengine import texts
from danqing_providers.volcengine.catalogue import Model

__all__ = ["SMALL_SIZES", "ChosenSize", "choose_size"]

SMALL_SIZES: Final = ("256x256", "512x512", "1024x1792", "1792x1024")
"""Sizes of the server we replace: what is too small of them is enlarged, never refused."""

_FORM = re.compile(r"([0-9]{1,6})x([0-9]{1,6})", re.ASCII)


@attrs.frozen(kw_only=True)
class ChosenSize:
    """The size to send, None to leave it to the model, and what the user should know of it."""

    size: str | None
    note: str | None = None


def choose_size(model: Model, size: str | None, quality: str | None) -> ChosenSize:
    """Return what *model* is asked for.

    Raises:
        ValueError: *size* is not legal for *model*; the message names its limits.
    """
    if size is None:
        return ChosenSize(size=model.hd_size if quality == "hd" else None)
    note = texts.HD_IDLE() if quality == "hd" else None
    for tier in model.tiers:
        if size.lower() == tier.lower():
            return ChosenSize(size=tier, note=note)
    form = _FORM.fullmatch(size)
    if form is None or model.pixels is None:
        raise ValueError(texts.NO_SIZE(model=model.id, sizes=model.sizes))
    width, height = int(form[1]), int(form[2])
    if size in SMALL_SIZES and width * height < model.pixels[0]:
        enlarged = _enlarged(width, height, model.pixels[0])
        return ChosenSize(size=enlarged, note=texts.ENLARGED(size=size, model=model.id, enlarged=enlarged))
    _check(model, width, height)
    return ChosenSize(size=f"{width}x{height}", note=note)


def _enlarged(width: int, height: int, least_pixels: int) -> str:
    """Return the smallest size of exactly the same shape, with even sides, of at least *least_pixels*."""
    shape = math.gcd(width, height)
    across, down = width // shape, height // shape
    factor = math.isqrt(-(-least_pixels // (across * down)) - 1) + 1
    factor += factor % 2
    return f"{across * factor}x{down * factor}"


def _check(model: Model, width: int, height: int) -> None:
    low, high = model.pixels or (0, 0)
    area = width * height
    if not low <= area <= high:
        message, limit = (texts.SIZE_BELOW, low) if area < low else (texts.SIZE_ABOVE, high)
        raise ValueError(message(area=area, limit=limit, model=model.id, sizes=model.sizes))
    if model.widest is not None and max(width, height) > model.widest * min(width, height):
        raise ValueError(texts.SIZE_NARROW(model=model.id, sizes=model.sizes))
