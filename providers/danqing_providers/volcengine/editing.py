"""The rules of what is done to one picture: taking it apart into layers, or off its background.

Source: Volcengine's image API page 82379/1541523, in its 5.0 pro form, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from danqing_plugins import Message, Reference
from danqing_plugins.kit.fields import Fields
from danqing_providers.volcengine.catalogue import AUTO_SIZE, Model

__all__ = ["check_background", "check_layers"]

SHORTEST_LAYERED: Final = 512
LONGEST_LAYERED: Final = 6000
_OPAQUE: Final = frozenset({"image/jpeg"})

_ONE_PICTURE: Final = Message(
    key="one_reference", en="needs exactly one reference picture in image", zh="需要在 image 中恰好提供一张参考图"
)
_ONE_WITH_ALPHA: Final = Message(
    key="one_reference_with_alpha",
    en="needs exactly one reference picture in image, one with an alpha channel",
    zh="需要在 image 中恰好提供一张带透明通道的参考图",
)
_ONE: Final = Message(
    key="single_with_layers", en="must be 1 with layer_decomposition", zh="使用 layer_decomposition 时必须为 1"
)
_PNG: Final = Message(key="png_only", en="must be png with {field}", zh="使用 {field} 时必须为 png")
_TIER: Final = Message(
    key="layer_sizes",
    en="must be one of {allowed} with layer_decomposition",
    zh="使用 layer_decomposition 时必须为以下之一：{allowed}",
)
_SIDES: Final = Message(
    key="layer_sides",
    en="the picture is {width}x{height}: with layer_decomposition each side must have {least} to {most} pixels",
    zh="图片为 {width}x{height}：使用 layer_decomposition 时每边须为 {least} 至 {most} 像素",
)
_AS_PNG: Final = Message(
    key="made_as_png",
    en="output_format png is used: a transparent background needs it",
    zh="透明背景需要 png，已使用 png 输出",
)


def check_layers(
    fields: Fields, model: Model, references: Sequence[Reference], count: int | None, grouped: int
) -> None:
    """Record what is wrong with taking a picture apart."""
    if len(references) != 1:
        fields.refuse("layer_decomposition", _ONE_PICTURE())
    elif (message := _wrong_sides(references[0])) is not None:
        fields.refuse("layer_decomposition", message)
    if (count is not None and count > 1) or grouped:
        fields.refuse("n", _ONE())
    _require_png(fields, "layer_decomposition")
    size = fields.values.get("size")
    allowed = (AUTO_SIZE, *model.tiers)
    if isinstance(size, str) and size.lower() not in {name.lower() for name in allowed}:
        fields.refuse("size", _TIER(allowed=", ".join(allowed)))


def check_background(
    fields: Fields, model: Model, references: Sequence[Reference], kept: dict[str, Any]
) -> str | None:
    """Record what is wrong with a transparent background; return a note when *kept* was given its format."""
    if fields.values.get("background") != "transparent" or "background" not in model.takes:
        return None
    if len(references) != 1 or references[0].media_type in _OPAQUE:
        fields.refuse("background", _ONE_WITH_ALPHA())
    _require_png(fields, "background: transparent")
    if fields.has("output_format"):
        return None
    kept["output_format"] = "png"
    return _AS_PNG()


def _require_png(fields: Fields, field: str) -> None:
    if fields.has("output_format") and fields.values["output_format"] != "png":
        fields.refuse("output_format", _PNG(field=field))


def _wrong_sides(reference: Reference) -> str | None:
    width, height = reference.width, reference.height
    if (
        width is None
        or height is None
        or SHORTEST_LAYERED <= min(width, height) <= max(width, height) <= LONGEST_LAYERED
    ):
        return None
    return _SIDES(width=width, height=height, least=SHORTEST_LAYERED, most=LONGEST_LAYERED)
