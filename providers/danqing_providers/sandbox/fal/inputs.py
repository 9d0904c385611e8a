"""What a model of fal takes and refuses, in the words of its validator.

Sources: fal.ai/models (fal-ai/flux/schnell, fal-ai/flux/dev), docs.fal.ai/errors; read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Final

import attrs

from danqing_providers.sandbox.troubles import Refusal

__all__ = ["Ask", "Refused", "read"]

_PRESETS: Final = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
_MICRO_A_MEGAPIXEL: Final = {"fal-ai/flux/schnell": 3_000, "fal-ai/flux/dev": 25_000}
_MICRO_A_FILM: Final = 200_000
_MEGAPIXEL: Final = 1_000_000
_LONGEST_SIDE: Final = 14_142
_LIMITS: Final = {"num_images": (1, 4), "num_inference_steps": (1, 50)}
_ERRORS: Final = "https://docs.fal.ai/errors"


class Refused(Refusal):
    """422: what the model's validator says, a list of `detail`."""

    def __init__(self, detail: list[dict[str, Any]]) -> None:
        super().__init__(detail[0]["msg"])
        self.detail = detail


@attrs.frozen(kw_only=True)
class Ask:
    """A request as far as it matters: what is made, and what each costs."""

    prompt: str
    width: int
    height: int
    count: int
    form: str
    seed: int | None
    cost_micro: int
    film: bool


def read(model: str, body: Mapping[str, Any]) -> Ask:
    """Return what *body* asks of *model*. Raises: Refused."""
    wrong = [*_prompt_wrong(body), *_numbers_wrong(body), *_size_wrong(body), *_format_wrong(body)]
    if wrong:
        raise Refused(wrong)
    width, height = _sides(body.get("image_size") or "landscape_4_3")
    film = "video" in model
    per = _MICRO_A_MEGAPIXEL.get(model, 3_000) * ceil(width * height / _MEGAPIXEL)
    return Ask(
        prompt=body["prompt"],
        width=width,
        height=height,
        count=1 if film else body.get("num_images") or 1,
        form="mp4" if film else body.get("output_format") or "jpeg",
        seed=body.get("seed"),
        cost_micro=_MICRO_A_FILM if film else per,
        film=film,
    )


def _sides(size: Any) -> tuple[int, int]:
    return _PRESETS[size] if isinstance(size, str) else (size["width"], size["height"])


def _prompt_wrong(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    prompt = body.get("prompt")
    if prompt is None:
        return [_detail("missing", "Field required", "prompt", body)]
    return (
        []
        if isinstance(prompt, str)
        else [_detail("string_type", "Input should be a valid string", "prompt", prompt)]
    )


def _numbers_wrong(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, (least, most) in _LIMITS.items():
        value = body.get(name)
        if value is None:
            continue
        if type(value) is not int:
            found.append(_detail("int_type", "Input should be a valid integer", name, value))
        elif value > most:
            message = f"Input should be less than or equal to {most}"
            found.append(_detail("less_than_equal", message, name, value, {"le": most}))
        elif value < least:
            message = f"Input should be greater than or equal to {least}"
            found.append(_detail("greater_than_equal", message, name, value, {"ge": least}))
    return found


def _size_wrong(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    size = body.get("image_size")
    if size is None or (isinstance(size, str) and size in _PRESETS):
        return []
    if isinstance(size, dict) and all(
        type(size.get(side)) is int and 0 < size[side] <= 14_142 for side in ("width", "height")
    ):
        return []
    return [_detail("enum", f"Input should be one of {', '.join(_PRESETS)}", "image_size", size)]


def _format_wrong(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    form = body.get("output_format")
    if form in (None, "jpeg", "png"):
        return []
    return [_detail("literal_error", "Input should be 'jpeg' or 'png'", "output_format", form)]


def _detail(
    type_: str, message: str, field: str, value: Any, ctx: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    told = {"loc": ["body", field], "msg": message, "type": type_, "url": f"{_ERRORS}#{type_}", "input": value}
    return {**told, "ctx": dict(ctx)} if ctx else told
