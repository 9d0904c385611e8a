"""From a request's JSON to an `Order`, or to Ark's refusal of it.

Null counts as absent everywhere, since the official SDK sends null for every field it was not given; unknown fields are
ignored. Source: Volcengine documentation 82379/1541523 and recorded answers of 2026-09-04; read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import orjson

from danqing_providers.arksim.catalogue import ALIASES, MODELS, Model
from danqing_providers.arksim.config import Config
from danqing_providers.arksim.references import Reference, read_reference
from danqing_providers.arksim.refusals import Refusal, invalid
from danqing_providers.arksim.sizes import choose_size

__all__ = ["Order", "find_model", "read_body", "read_order"]

MAX_IMAGES = 15
_MAX_SEED = 2**31 - 1


@attrs.frozen(kw_only=True)
class Order:
    """One valid request. `max_images` is None unless the model may decide to make a group."""

    model: Model
    prompt: str
    size: tuple[int, int]
    references: tuple[Reference, ...] = ()
    max_images: int | None = None
    stream: bool = False
    as_base64: bool = False
    watermark: bool = True
    format: str = "jpeg"
    seed: int = -1
    web_search: bool = False


def read_body(raw: bytes) -> Mapping[str, Any]:
    """Return the request's object without its nulls; the sentences are guesses.

    Raises:
        Refusal: it is no JSON object.
    """
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refusal(400, "InvalidParameter", "The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise Refusal(400, "InvalidParameter", "The request body must be a JSON object.")
    return {name: value for name, value in body.items() if value is not None}


def find_model(body: Mapping[str, Any], config: Config) -> Model:
    """Return the model a request names by id, alias or endpoint id.

    Raises:
        Refusal: there is none of that name, or it was shut down.
    """
    name = body.get("model")
    if name is None:
        raise _missing("model")
    if not isinstance(name, str):
        raise _wrong_type("model", "string")
    id_ = config.endpoints.get(name, ALIASES.get(name, name))
    model = MODELS.get(id_)
    if model is None or (model.shut_down and not config.enable_3_0):
        message = f"The model or endpoint {name} does not exist or you do not have access to it."
        raise Refusal(404, "InvalidEndpointOrModel.NotFound", message)
    return model


def read_order(body: Mapping[str, Any], model: Model) -> Order:
    """Check every field against the model's limits; decodes references, so call it in a thread.

    Raises:
        Refusal: a field is missing or wrong; the first one found is named.
    """
    prompt = _text(body, "prompt", None)
    for name in ("sequential_image_generation", "output_format"):
        if name in model.rejected and name in body:
            raise _refused(name)
    group, max_images = _read_group(body, model)
    references = _read_references(body, model)
    ratio = next((reference.ratio for reference in references if reference.ratio), None)
    _check_optional(body, model)
    return Order(
        model=model,
        prompt=prompt,
        size=choose_size(model, _text(body, "size", model.default_size), prompt, ratio),
        references=references,
        max_images=min(max_images, MAX_IMAGES - len(references)) if group else None,
        stream=_flag(body, "stream", False) and "stream" in model.parameters,
        as_base64=_one_of(body, "response_format", ("url", "b64_json")) == "b64_json",
        watermark=_flag(body, "watermark", True),
        format=_one_of(body, "output_format", ("jpeg", "png")) if "output_format" in model.parameters else "jpeg",
        seed=_number(body, "seed", -1, -1, _MAX_SEED) if "seed" in model.parameters else -1,
        web_search="tools" in model.parameters and _uses_web_search(body),
    )


def _read_group(body: Mapping[str, Any], model: Model) -> tuple[bool, int]:
    if "sequential_image_generation" not in model.parameters:
        return False, 1
    group = _one_of(body, "sequential_image_generation", ("disabled", "auto")) == "auto"
    options = _object(body, "sequential_image_generation_options")
    return group, _number(options, "max_images", MAX_IMAGES, 1, MAX_IMAGES)


def _read_references(body: Mapping[str, Any], model: Model) -> tuple[Reference, ...]:
    raw = body.get("image", [])
    values = [raw] if isinstance(raw, str) else raw
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _wrong_type("image", "string or array of strings")
    if len(values) < model.min_references:
        raise _missing("image")
    if not model.max_references:
        return ()
    if len(values) > model.max_references:
        raise invalid("image", f"at most {model.max_references} images are allowed, got {len(values)}")
    return tuple(read_reference(value, model.max_ratio) for value in values)


def _check_optional(body: Mapping[str, Any], model: Model) -> None:
    if "optimize_prompt_options" in model.parameters:
        options = _object(body, "optimize_prompt_options")
        _one_of(options, "mode", model.optimize_modes, "optimize_prompt_options.mode")
    if "background" in model.parameters:
        _one_of(body, "background", ("opaque", "transparent"))
    if "layer_decomposition" in model.parameters and _flag(body, "layer_decomposition", False):
        raise invalid("layer_decomposition", "the simulator does not make layers")
    if "guidance_scale" in model.parameters:
        scale = body.get("guidance_scale", 2.5)
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not 1 <= scale <= 10:
            raise invalid("guidance_scale", "it must be between 1 and 10")


def _uses_web_search(body: Mapping[str, Any]) -> bool:
    tools = body.get("tools", [])
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise _wrong_type("tools", "array of objects")
    if any(tool.get("type") != "web_search" for tool in tools):
        raise invalid("tools", "type must be 'web_search'")
    return bool(tools)


def _text(body: Mapping[str, Any], name: str, default: str | None) -> str:
    value = body.get(name, default)
    if value is None:
        raise _missing(name)
    if not isinstance(value, str):
        raise _wrong_type(name, "string")
    if not value.strip():
        raise _missing(name) if default is None else invalid(name)
    return value


def _flag(body: Mapping[str, Any], name: str, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise _wrong_type(name, "boolean")
    return value


def _number(body: Mapping[str, Any], name: str, default: int, lowest: int, highest: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(name, "integer")
    if not lowest <= value <= highest:
        raise invalid(name, f"it must be between {lowest} and {highest}")
    return value


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise _wrong_type(name, "object")
    return value


def _one_of(body: Mapping[str, Any], name: str, allowed: tuple[str, ...], shown: str = "") -> str:
    """Return the field's value; the first allowed one is the default."""
    value = body.get(name)
    if value is None:
        return allowed[0]
    if not isinstance(value, str) or value not in allowed:
        raise invalid(shown or name, f"it must be one of {', '.join(allowed)}")
    return value


def _missing(name: str) -> Refusal:
    message = f"The request failed because it is missing `{name}` parameter."
    return Refusal(400, "MissingParameter", message, param=name, type_="Bad Request")


def _wrong_type(name: str, expected: str) -> Refusal:
    return invalid(name, f"it must be of type {expected}")


def _refused(name: str) -> Refusal:
    if name == "output_format":
        return invalid(name)
    message = f"The parameter `{name}` is not supported by the current model."
    return Refusal(400, "InvalidParameter", message, param=name, type_="")
