"""The JSON Schema of a model's `input`, for forms and documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from danqing_providers.volcengine.catalogue import Model
from danqing_providers.volcengine.prepare import LARGEST_SEED, LONGEST_PROMPT, MOST_IMAGES, QUALITIES
from danqing_providers.volcengine.sizes import SMALL_SIZES
from danqing_providers.volcengine.style import STYLES

__all__ = ["schema_of"]


def schema_of(model: Model) -> dict[str, Any]:
    """Return the schema of what *model* takes."""
    properties = {
        **_common(model),
        **{name: part for name, part in _optional(model).items() if name in model.takes},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": ["prompt", "image"] if model.least_references else ["prompt"],
        "additionalProperties": False,
    }


def _common(model: Model) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "prompt": {"type": "string", "minLength": 1, "maxLength": LONGEST_PROMPT},
        "size": {
            "type": "string",
            "default": model.default_size,
            "examples": [*model.tiers, *(SMALL_SIZES if model.pixels else ())],
            "description": model.sizes,
        },
        "n": {"type": "integer", "minimum": 1, "maximum": MOST_IMAGES, "default": 1},
        "quality": {"enum": list(QUALITIES), "default": "standard"},
        "style": {"enum": list(STYLES)},
        "watermark": {"type": "boolean", "default": True},
        "response_format": {"enum": ["url", "b64_json"], "default": "url"},
    }
    if model.most_references:
        one = {
            "type": "string",
            "description": "a URL, data:image/...;base64,..., or one of this server's pictures",
        }
        many = {
            "type": "array",
            "items": one,
            "minItems": model.least_references,
            "maxItems": model.most_references,
        }
        properties["image"] = {"anyOf": [one, many]}
    return properties


def _optional(model: Model) -> Mapping[str, Any]:
    return {
        "seed": {"type": "integer", "minimum": -1, "maximum": LARGEST_SEED, "default": -1},
        "guidance_scale": {"type": "number", "minimum": 1, "maximum": 10},
        "sequential_image_generation": {"enum": ["disabled", "auto"], "default": "disabled"},
        "sequential_image_generation_options": {
            "type": "object",
            "properties": {"max_images": {"type": "integer", "minimum": 1, "maximum": MOST_IMAGES}},
            "additionalProperties": False,
        },
        "stream": {"type": "boolean"},
        "optimize_prompt_options": {
            "type": "object",
            "properties": {"mode": {"enum": list(model.optimize_modes)}},
            "additionalProperties": False,
        },
        "output_format": {"enum": ["jpeg", "png"], "default": "jpeg"},
        "tools": {"const": [{"type": "web_search"}]},
        "layer_decomposition": {"type": "boolean", "default": False},
        "background": {"enum": ["transparent", "opaque"]},
    }
