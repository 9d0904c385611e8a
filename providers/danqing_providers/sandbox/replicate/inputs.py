"""What a model of Replicate takes, refuses and makes.

Sources: replicate.com/black-forest-labs/flux-schnell and flux-dev (input schemas),
replicate.com/docs/reference/http; read 2026-11-28. The size of a picture is what its aspect ratio and megapixels
come to, in steps of 16.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any, Final, Literal

import attrs

from danqing_providers.sandbox.troubles import Refusal

__all__ = ["Ask", "Problem", "read"]

Shape = Literal["list", "string", "object", "text"]
_RATIOS: Final = ("1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21")
_ENUMS: Final = {
    "aspect_ratio": _RATIOS,
    "output_format": ("webp", "jpg", "png"),
    "megapixels": ("1", "0.25"),
}
_WHOLE: Final = {"num_outputs": (1, 4), "output_quality": (0, 100), "seed": (-(2**63), 2**63 - 1)}
_STEPS: Final = {"black-forest-labs/flux-schnell": 4, "black-forest-labs/flux-dev": 50}
_FORMS: Final = {"webp": "webp", "jpg": "jpeg", "png": "png"}
_MEGAPIXEL: Final = 1024 * 1024
_STEP: Final = 16


class Problem(Refusal):
    """A refusal in problem JSON; *fields* are the wrong ones with what is wrong."""

    def __init__(self, status: int, title: str, detail: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.fields = dict(fields or {})


@attrs.frozen(kw_only=True)
class Ask:
    """A request as far as it matters. `shape` is how the model's schema has its output."""

    prompt: str
    width: int
    height: int
    count: int
    form: str
    kind: str
    shape: Shape
    seed: int | None


def read(model: str, given: Any) -> Ask:
    """Return what the input *given* asks of *model*. Raises: Problem."""
    if not isinstance(given, dict):
        raise _invalid({"input": "Invalid type. Expected: object"})
    wrong = {**_prompt_wrong(given), **_numbers_wrong(model, given), **_choices_wrong(given), **_nulls(given)}
    if wrong:
        raise _invalid({f"input.{name}": said for name, said in wrong.items()})
    kind, shape, form = _made_by(model)
    width, height = _sides(given.get("aspect_ratio", "1:1"), float(given.get("megapixels", "1")))
    return Ask(
        prompt=given["prompt"],
        width=width,
        height=height,
        count=given.get("num_outputs", 1) if kind == "image" else 1,
        form=form or _FORMS[given.get("output_format", "webp")],
        kind=kind,
        shape=shape,
        seed=given.get("seed"),
    )


def _made_by(model: str) -> tuple[str, Shape, str]:
    """Return what *model* makes, in which shape, and the form of the file when the input does not say it."""
    name = model.partition("/")[2]
    if any(word in name for word in ("video", "veo", "kling", "seedance")):
        return "video", "string", "mp4"
    if any(word in name for word in ("llama", "gpt", "claude")):
        return "text", "text", "txt"
    if name.endswith("-object"):
        return "image", "object", ""
    return "image", "list" if "flux" in name and "pro" not in name else "string", ""


def _sides(ratio: str, megapixels: float) -> tuple[int, int]:
    across, down = map(int, ratio.split(":"))
    unit = sqrt(megapixels * _MEGAPIXEL / (across * down))
    width, height = (max(_STEP, round(side * unit / _STEP) * _STEP) for side in (across, down))
    return width, height


def _invalid(fields: Mapping[str, str]) -> Problem:
    detail = "".join(f"- {name}: {said}\n" for name, said in fields.items())
    return Problem(422, "Input validation failed", detail, fields)


def _prompt_wrong(given: Mapping[str, Any]) -> dict[str, str]:
    if "prompt" not in given:
        return {"prompt": "prompt is required"}
    return {} if isinstance(given["prompt"], str) else {"prompt": "Invalid type. Expected: string"}


def _numbers_wrong(model: str, given: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, (least, most) in {**_WHOLE, "num_inference_steps": (1, _STEPS.get(model, 1000))}.items():
        value = given.get(name, least)
        if type(value) is not int:
            found[name] = "Invalid type. Expected: integer"
        elif not least <= value <= most:
            found[name] = (
                f"Must be {'less' if value > most else 'greater'} than or equal to {[most, least][value < least]}"
            )
    guidance = given.get("guidance", 3)
    if type(guidance) not in (int, float):
        found["guidance"] = "Invalid type. Expected: number"
    elif not 0 <= guidance <= 10:
        found["guidance"] = (
            f"Must be {'less' if guidance > 10 else 'greater'} than or equal to {10 if guidance > 10 else 0}"
        )
    return found


def _choices_wrong(given: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: f"{name} must be one of the following: {', '.join(map(repr, allowed))}"
        for name, allowed in _ENUMS.items()
        if name in given and given[name] not in allowed
    }


def _nulls(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: "Invalid type. Expected: string, given: null" for name, value in given.items() if value is None}
