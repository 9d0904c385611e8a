"""A workflow's inputs as the parameters of a model: what is checked, and the form that asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from danqing_plugins import Text
from danqing_plugins.kit.parameters import (
    Choice,
    Flag,
    Line,
    Number,
    Parameter,
    Parameters,
    Prompt,
    References,
    Seed,
    Size,
    Whole,
)
from danqing_providers.comfyui.inputs import LARGEST_SEED, Input
from danqing_providers.comfyui.workflows import Workflow

__all__ = ["SIZE", "parameters_of"]

SIZE: Final = "size"
_LONGEST_TEXT: Final = 20_000
_FAR: Final = 2**31 - 1
_FORMATS: Final = ("png", "jpeg", "webp", "gif", "bmp", "tiff", "avif")
_MAIN: Final = frozenset({"prompt", "negative", "batch", "picture", "width", "height"})
_TITLES: Final[Mapping[str, Text]] = {
    "negative": Text("Negative prompt", "反向提示词"),
    "width": Text("Width", "宽度"),
    "height": Text("Height", "高度"),
    "batch": Text("Pictures", "张数"),
    "length": Text("Frames", "帧数"),
    "steps": Text("Steps", "步数"),
    "guidance_scale": Text("Guidance", "引导强度"),
}
_DESCRIPTIONS: Final[Mapping[str, Text]] = {
    "negative": Text("What the result should not show", "结果中不应出现的内容"),
    "width": Text("in pixels", "像素"),
    "height": Text("in pixels", "像素"),
    "batch": Text("How many are made in one run", "一次运行生成的数量"),
    "length": Text("How many frames the film has", "视频的帧数"),
    "steps": Text("How often the sampler refines the result", "采样器的迭代次数"),
    "guidance_scale": Text("How closely the prompt is followed", "遵循提示词的程度"),
}


def parameters_of(workflow: Workflow) -> Parameters:
    """Return the parameters of *workflow*, in the order of its inputs; both sides may also be said as one size."""
    found = [_parameter(each) for each in workflow.inputs]
    names = {each.name for each in found}
    if {"width", "height"} <= names and SIZE not in names:
        size = Size(
            description=Text("Width and height in one, such as 1024x1024", "宽与高合写，如 1024x1024"),
            free=True,
            sides=(16, 16_384),
            step=8,
            group="more",
        )
        found.append(size)
    return Parameters(*found)


def _parameter(given: Input) -> Parameter:
    common = _common(given)
    low, high = given.minimum, given.maximum
    if given.type == "picture":
        return References(given.name, **common, least=int(given.required), most=1, formats=_FORMATS)
    if given.type == "choice":
        return Choice(given.name, **common, allowed=given.choices)
    if given.type == "flag":
        return Flag(given.name, **common)
    if given.type == "number":
        return Number(given.name, **common, least=_or(low, -_FAR), most=_or(high, _FAR), step=given.step)
    if given.type == "integer":
        most = LARGEST_SEED if given.role == "seed" else _FAR
        if given.role == "seed":
            return Seed(given.name, **_without_default(common), least=int(low or 0), most=int(_or(high, most)))
        step = int(given.step or 1)
        return Whole(given.name, **common, least=int(_or(low, -_FAR)), most=int(_or(high, most)), step=step)
    if given.role == "prompt":
        return Prompt(given.name, **common, most=_LONGEST_TEXT)
    return Line(given.name, **common, most=_LONGEST_TEXT, widget="prompt" if given.role == "negative" else None)


def _common(given: Input) -> dict[str, Any]:
    """Return what a parameter of any kind says; the vendor-neutral words where the operator has none."""
    kind_speaks = given.role in ("prompt", "seed", "picture")
    title = given.title or (None if kind_speaks else _TITLES.get(given.role, Text(given.name)))
    description = given.description or (None if kind_speaks else _DESCRIPTIONS.get(given.role, _where(given)))
    common: dict[str, Any] = {
        "required": given.required,
        "default": given.default,
        "group": "main" if given.required or given.role in _MAIN else "more",
    }
    if title is not None:
        common["title"] = title
    if description is not None:
        common["description"] = description
    return common


def _without_default(common: dict[str, Any]) -> dict[str, Any]:
    """A seed that is left out is drawn anew: the one in the file would give the same picture for ever."""
    return {**common, "default": None}


def _where(given: Input) -> Text:
    places = ", ".join(map(str, given.slots))
    return Text(f"`{places}` of the workflow", f"工作流中的 `{places}`")


def _or(limit: float | None, other: float) -> float:
    return other if limit is None else limit
