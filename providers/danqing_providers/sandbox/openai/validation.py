"""The checks of OpenAI's fields, and what a request becomes.

Source: the field tables of openai 3.57.0 and recorded refusals, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from danqing_providers.sandbox.openai.catalogue import DEFAULT_MODEL, Model, find_model
from danqing_providers.sandbox.openai.errors import (
    USER_ERROR,
    OpenAIError,
    invalid_value,
    missing,
    unknown_parameter,
)
from danqing_providers.sandbox.openai.sizes import AUTO

__all__ = ["Wish", "validated"]

LONGEST_PROMPT: Final = 32_000
MOST_IMAGES: Final = 10
_FIELDS: Final = frozenset(
    {"model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression", "moderation"}
    | {"stream", "partial_images", "safety_identifier", "user", "complexity"}
)
_OF_EDITS: Final = frozenset({"input_fidelity"})
_FORMATS: Final = ("png", "jpeg", "webp")
_LOSSY: Final = ("jpeg", "webp")


@attrs.frozen(kw_only=True)
class Wish:
    """What was asked for, checked; `size` and `quality` may still be `auto`."""

    model: Model
    prompt: str = attrs.field(repr=False)
    count: int
    size: str
    quality: str
    background: str
    form: str
    stream: bool
    partials: int
    user: str | None


def validated(fields: Mapping[str, Any], *, edits: bool, now_s: float) -> Wish:
    """Return the wish in *fields*. Raises: OpenAIError, for the first thing that is wrong."""
    _refuse_unknown(fields, edits=edits)
    model = _model(fields, now_s)
    prompt = _prompt(fields)
    form = _choice(fields, "output_format", _FORMATS, "png")
    background = _choice(fields, "background", ("transparent", "opaque", AUTO), AUTO)
    _check_transparency(model, background, form, edits=edits)
    _check_compression(fields, form)
    _check_fidelity(fields, model)
    if "complexity" in fields and not model.complexity:
        raise unknown_parameter("complexity")
    _choice(fields, "moderation", (AUTO, "low"), AUTO)
    stream = _flag(fields, "stream")
    partials = _whole(fields, "partial_images", 0, 3, 0)
    if partials and not stream:
        raise invalid_value("partial_images", "'partial_images' is only supported with 'stream' set to true.")
    return Wish(
        model=model,
        prompt=prompt,
        count=_whole(fields, "n", 1, MOST_IMAGES, 1),
        size=str(fields.get("size") or AUTO),
        quality=_choice(fields, "quality", (*model.qualities, AUTO), AUTO),
        background=background,
        form=form,
        stream=stream,
        partials=partials,
        user=fields.get("safety_identifier") or fields.get("user"),
    )


def _refuse_unknown(fields: Mapping[str, Any], *, edits: bool) -> None:
    known = _FIELDS | _OF_EDITS if edits else _FIELDS
    for name in fields:
        if name not in known:
            raise unknown_parameter(name)


def _model(fields: Mapping[str, Any], now_s: float) -> Model:
    name = fields.get("model") or DEFAULT_MODEL
    model = find_model(str(name))
    if model is None:
        message = f"The model '{name}' does not exist or you do not have access to it."
        raise OpenAIError(404, message, code="model_not_found", param="model")
    if not model.lives(now_s):
        raise invalid_value("model", f"The model '{name}' does not exist.", type_=USER_ERROR)
    return model


def _prompt(fields: Mapping[str, Any]) -> str:
    prompt = fields.get("prompt")
    if prompt is None or prompt == "":
        raise missing("prompt")
    if not isinstance(prompt, str):
        raise invalid_value("prompt", "Invalid type for 'prompt': expected a string.", code="invalid_type")
    if len(prompt) > LONGEST_PROMPT:
        message = (
            f"Invalid 'prompt': string too long. Expected a string with maximum length {LONGEST_PROMPT}, but got "
        )
        raise invalid_value(
            "prompt",
            f"{message}a string with length {len(prompt)} instead.",
            code="string_above_max_length",
        )
    return prompt


def _check_transparency(model: Model, background: str, form: str, *, edits: bool) -> None:
    if background != "transparent":
        return
    if form == "jpeg":
        raise invalid_value("background", "Transparent background is not supported for the output format 'jpeg'.")
    if edits and not model.transparent_edits:
        raise invalid_value(
            "background", "Transparent background is not supported for this model.", type_=USER_ERROR
        )


def _check_compression(fields: Mapping[str, Any], form: str) -> None:
    _whole(fields, "output_compression", 0, 100, 100)
    if fields.get("output_compression", 100) != 100 and form not in _LOSSY:
        raise invalid_value("output_compression", f"Compression is not supported for the output format '{form}'.")


def _check_fidelity(fields: Mapping[str, Any], model: Model) -> None:
    if fields.get("input_fidelity") is None:
        return
    if fields["input_fidelity"] not in model.fidelities:
        message = f"The model '{model.id}' does not support the 'input_fidelity' parameter."
        raise invalid_value("input_fidelity", message, code="invalid_input_fidelity_model")


def _choice(fields: Mapping[str, Any], name: str, allowed: Sequence[str], default: str) -> str:
    value = fields.get(name)
    if value is None:
        return default
    if value not in allowed:
        listed = ", ".join(f"'{each}'" for each in allowed[:-1])
        raise invalid_value(name, f"Invalid value: '{value}'. Supported values are: {listed}, and '{allowed[-1]}'.")
    return str(value)


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise invalid_value(name, f"Invalid type for '{name}': expected a boolean.", code="invalid_type")


def _whole(fields: Mapping[str, Any], name: str, low: int, high: int, default: int) -> int:
    value = fields.get(name)
    if value is None:
        return default
    if type(value) is not int:
        raise invalid_value(name, f"Invalid type for '{name}': expected an integer.", code="invalid_type")
    if value < low:
        message = (
            f"Invalid '{name}': integer below minimum value. Expected a value >= {low}, but got {value} instead."
        )
        raise invalid_value(name, message, code="integer_below_min_value")
    if value > high:
        message = (
            f"Invalid '{name}': integer above maximum value. Expected a value <= {high}, but got {value} instead."
        )
        raise invalid_value(name, message, code="integer_above_max_value")
    return value
