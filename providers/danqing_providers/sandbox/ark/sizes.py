"""The `size` parameter: tiers, `WIDTHxHEIGHT`, and the server's own words about a wrong one.

Source: volcengine.com/docs/82379/1541523 (tables), recorded answers of 2026-08-10 and 2026-09-04 (wordings); read
2026-11-23. Not known, and ours: the sizes of 1.5K, and which of two broken limits is named first (the smallest
size, the ratio, the largest).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from danqing_providers.sandbox.ark.catalogue import Model
from danqing_providers.sandbox.ark.errors import ArkError, invalid_parameter

__all__ = ["ALL_TIERS", "Size", "adaptive_size", "parse_size", "tier_size", "tier_sizes"]

_WIDEST: Final = 16
_PIXELS_FORM: Final = re.compile(r"(-?\d{1,9})[xX](-?\d{1,9})")


@attrs.frozen(order=False)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def ratio(self) -> float:
        """Width over height."""
        return self.width / self.height

    @property
    def transposed(self) -> Size:
        """The same size on its side."""
        return Size(self.height, self.width)


def _with_transposes(*landscape: tuple[int, int]) -> tuple[Size, ...]:
    sizes = [Size(*sides) for sides in landscape]
    return tuple(sizes + [size.transposed for size in sizes if size.width != size.height])


ALL_TIERS: Final[Mapping[str, tuple[Size, ...]]] = MappingProxyType(
    {
        "1K": _with_transposes((1024, 1024), (1152, 864), (1280, 720), (1248, 832), (1512, 648)),
        "2K": _with_transposes((2048, 2048), (2304, 1728), (2848, 1600), (2496, 1664), (3136, 1344)),
        "3K": _with_transposes((3072, 3072), (3456, 2592), (4096, 2304), (3744, 2496), (4704, 2016)),
        "4K": _with_transposes((4096, 4096), (4704, 3520), (5504, 3040), (4992, 3328), (6240, 2656)),
    }
)
"""The recommended sizes of each tier, the square one first."""

_PRO_TIERS: Final[Mapping[str, tuple[Size, ...]]] = MappingProxyType(
    {
        "1K": _with_transposes((1024, 1024), (1152, 864), (1424, 800), (1248, 832), (1568, 672)),
        "1.5K": _with_transposes((1536, 1536), (1728, 1296), (2048, 1152), (1872, 1248), (2352, 1008)),
        "2K": _with_transposes((2048, 2048), (2368, 1776), (2816, 1584), (2496, 1664), (3136, 1344)),
    }
)

_ADAPTIVE: Final = _with_transposes(
    (1024, 1024), (1088, 960), (1152, 864), (1216, 832), (1248, 832), (1312, 736), (1408, 704), (1536, 512)
)
"""The known rows of the editing model's table of about fifty, and a few between them."""


def parse_size(model: Model, text: str) -> Size | str:
    """Return the size that *text* asks of *model*: pixels, or the name of a tier (upper case) or `adaptive`.

    Raises: ArkError in the server's words.
    """
    if model.pixels is None:
        return _adaptive_only(text)
    tier = text.strip().upper()
    if tier in model.tiers:
        return tier
    if tier in ALL_TIERS:
        raise _invalid(f"the specified size is not supported for model {_display_name(model)}")
    form = _PIXELS_FORM.fullmatch(text.strip())
    if form is None:
        raise _invalid(f"size must be one of {_choices(model)}")
    return _within_limits(model, int(form[1]), int(form[2]), model.pixels)


def _adaptive_only(text: str) -> str:
    if text.lower() != "adaptive":
        raise _invalid("size must be 'adaptive'")
    return "adaptive"


def _within_limits(model: Model, width: int, height: int, pixels: tuple[int, int]) -> Size:
    least, most = pixels
    noun, verb = ("image area", "are") if model.area_wording else ("image size", "is")
    if width <= 0:
        raise _invalid("invalid width", verb)
    if height <= 0:
        raise _invalid("invalid height", verb)
    if width * height < least:
        raise _invalid(f"{noun} must be at least {least} pixels", verb)
    if width > height * _WIDEST or height > width * _WIDEST:
        raise _invalid("aspect ratio must be between 1/16 and 16", verb)
    if width * height > most:
        raise _invalid(f"{noun} must be at most {most} pixels", verb)
    return Size(width, height)


def _invalid(reason: str, verb: str = "is") -> ArkError:
    return invalid_parameter("size", reason, verb=verb)


def _display_name(model: Model) -> str:
    return f"doubao-{model.family}"


def _choices(model: Model) -> str:
    names = ["'WIDTHxHEIGHT'", *(f"'{tier.lower()}'" for tier in model.tiers)]
    if len(names) == 1:
        return names[0]
    return ", ".join(names[:-1]) + (", or " if len(names) > 2 else " or ") + names[-1]


def tier_sizes(model: Model, tier: str) -> tuple[Size, ...]:
    """Return the recommended sizes of *tier*."""
    return (_PRO_TIERS if model.area_wording else ALL_TIERS)[tier]


def tier_size(model: Model, tier: str, ratio: float) -> Size:
    """Return the recommended size of *tier* whose shape is nearest to *ratio* (width over height)."""
    return _nearest(tier_sizes(model, tier), ratio)


def adaptive_size(ratio: float) -> Size:
    """Return the editing model's size for a reference of *ratio*."""
    return _nearest(_ADAPTIVE, ratio)


def _nearest(sizes: tuple[Size, ...], ratio: float) -> Size:
    return min(sizes, key=lambda size: abs(size.ratio - ratio))
