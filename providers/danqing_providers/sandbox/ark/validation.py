"""The body of a generation request: read field by field, as strictly as Ark does, and no stricter.

JSON null counts as absent for every field; unknown fields are ignored. A field that a model merely does not know
(`seed` of 4.0) is ignored; one that it was seen to refuse (`output_format` of 4.x) is refused. The limits of the
values are Ark's, the texts about wrong types are ours.

Source: volcengine.com/docs/82379/1541523 and recorded answers of 2026-09-04; read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from danqing_providers.sandbox.ark import errors
from danqing_providers.sandbox.ark.catalogue import Catalogue, Model
from danqing_providers.sandbox.ark.fields import choice, flag, integer, mapping, text
from danqing_providers.sandbox.ark.sizes import Size, parse_size

__all__ = ["MOST_IN_GROUP", "GenerationRequest", "validate"]

MOST_IN_GROUP: Final = 15
_MOST_SEED: Final = 2_147_483_647


@attrs.frozen(kw_only=True)
class GenerationRequest:
    """A request that Ark would accept, with its defaults filled in.

    `model_name` is the name that answers carry. `size` is pixels, a tier or `adaptive`. `images` are the references
    as they came, not yet looked at. `most_images` is 1 without a group. `seed` is None when absent or -1.
    """

    model: Model
    model_name: str
    prompt: str
    size: Size | str
    images: tuple[str, ...] = attrs.field(repr=False)
    seed: int | None
    group: bool
    most_images: int
    stream: bool
    inline: bool
    watermark: bool
    output_format: str
    web_search: bool
    layers: bool
    transparent: bool


def validate(body: Mapping[str, Any], catalogue: Catalogue) -> GenerationRequest:
    """Return the request in *body*, the outcome of `parse_body`. Raises: ArkError 400 or 404."""
    model_name = text(body, "model")
    if not model_name:
        raise errors.missing_parameter("model")
    model, answered_name = catalogue.find(model_name)
    layers = model.layers and flag(body, "layer_decomposition", default=False)
    prompt = text(body, "prompt")
    if not prompt and not layers:
        raise errors.missing_parameter("prompt")
    images = _images(body, model)
    group = _group(body, model)
    asked = text(body, "size") or model.default_size
    size = parse_size(model, model.default_size if layers and asked == "auto" else asked)
    _check_optional(body, model)
    transparent = _transparent(body, model, len(images), layers=layers)
    return GenerationRequest(
        model=model,
        model_name=answered_name,
        prompt=prompt,
        size=size,
        images=images,
        seed=_seed(body, model),
        group=group,
        most_images=_most_images(body, len(images)) if group else 1,
        stream=_stream(body, model),
        inline=choice(body, "response_format", ("url", "b64_json")) == "b64_json",
        watermark=flag(body, "watermark", default=True),
        output_format="png" if layers else _output_format(body, model),
        web_search=_web_search(body, model),
        layers=layers,
        transparent=transparent,
    )


def _images(body: Mapping[str, Any], model: Model) -> tuple[str, ...]:
    value = body.get("image", [])
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise errors.invalid_parameter("image", "expected a string or an array of strings")
    least, most = model.references
    if listed and not most:
        raise errors.unsupported_parameter("image")
    if not listed and least:
        raise errors.missing_parameter("image")
    if len(listed) > most:
        raise errors.invalid_parameter("image", f"the number of images must be at most {most}")
    return tuple(listed)


def _group(body: Mapping[str, Any], model: Model) -> bool:
    if "sequential_image_generation" in body and not model.groups:
        raise errors.unsupported_parameter("sequential_image_generation")
    return choice(body, "sequential_image_generation", ("disabled", "auto")) == "auto"


def _most_images(body: Mapping[str, Any], references: int) -> int:
    options = mapping(body, "sequential_image_generation_options")
    wanted = MOST_IN_GROUP
    if "max_images" in options:
        where = "sequential_image_generation_options.max_images"
        wanted = integer(options, "max_images", where, 1, MOST_IN_GROUP)
    return max(1, min(wanted, MOST_IN_GROUP - references))


def _seed(body: Mapping[str, Any], model: Model) -> int | None:
    value = body.get("seed")
    if model.seeds and value is not None:
        value = integer(body, "seed", "seed", -1, _MOST_SEED)
    # Whether a newer model ignores a seed is not known: here it steers the picture when it is one.
    is_seed = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_seed else None


def _stream(body: Mapping[str, Any], model: Model) -> bool:
    wanted = flag(body, "stream", default=False)
    if wanted and not model.streams:
        raise errors.unsupported_parameter("stream")
    return wanted


def _output_format(body: Mapping[str, Any], model: Model) -> str:
    if "output_format" not in body:
        return "jpeg"
    if not model.output_formats:
        raise errors.refused_parameter("output_format")
    return choice(body, "output_format", model.output_formats)


def _web_search(body: Mapping[str, Any], model: Model) -> bool:
    tools = body.get("tools", [])
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise errors.invalid_parameter("tools", "expected an array of objects")
    if tools and not model.web_search:
        raise errors.unsupported_parameter("tools")
    if any(tool.get("type") != "web_search" for tool in tools):
        raise errors.invalid_parameter("tools", "the type of a tool must be 'web_search'")
    return bool(tools)


def _transparent(body: Mapping[str, Any], model: Model, images: int, *, layers: bool) -> bool:
    """Say whether the background is to be transparent, and check what layers and that need. The texts are ours."""
    if layers and images != 1:
        raise errors.invalid_parameter("layer_decomposition", "exactly one image is needed")
    if not model.layers or choice(body, "background", ("opaque", "transparent")) == "opaque":
        return False
    if images != 1:
        raise errors.invalid_parameter("background", "a transparent background needs exactly one image")
    if _output_format(body, model) != "png":
        raise errors.invalid_parameter("background", "a transparent background needs the output_format png")
    return True


def _check_optional(body: Mapping[str, Any], model: Model) -> None:
    mode = mapping(body, "optimize_prompt_options").get("mode", "standard")
    if not isinstance(mode, str) or mode not in model.optimize_modes:
        allowed = ", ".join(f"'{name}'" for name in sorted(model.optimize_modes))
        raise errors.invalid_parameter("optimize_prompt_options.mode", f"must be one of {allowed}")
    scale = body.get("guidance_scale")
    if not model.seeds or scale is None:
        return
    if not isinstance(scale, int | float) or isinstance(scale, bool):
        raise errors.invalid_parameter("guidance_scale", "expected a number")
    if not 1 <= scale <= 10:
        raise errors.invalid_parameter("guidance_scale", "must be between 1 and 10")
