"""The body of `POST /images/generations`.

Source: Volcengine's image API page 82379/1541523, read 2026-11-23.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from danqing_plugins import Reference
from danqing_providers.volcengine.style import styled

__all__ = ["body_of", "fingerprint_of", "is_group"]

SEEDS: Final = 2**31
_PASSED_ON: Final = (
    "size",
    "guidance_scale",
    "watermark",
    "sequential_image_generation",
    "optimize_prompt_options",
    "output_format",
    "tools",
    "background",
)


def is_group(input_: Mapping[str, Any]) -> bool:
    """Say whether one call makes several pictures of one story."""
    return input_.get("sequential_image_generation") == "auto"


def body_of(model: str, input_: Mapping[str, Any], indexes: Sequence[int]) -> dict[str, Any]:
    """Return the body that asks *model*, by its upstream id, for the pictures *indexes*, without its references.

    Pictures of `n` independent calls differ by their seed, when one was given. A group is streamed unless the
    client said otherwise: each picture is then safe as soon as it is made.
    """
    body: dict[str, Any] = {
        "model": model,
        "response_format": input_.get("response_format", "url"),
    }
    if input_.get("prompt"):
        body["prompt"] = styled(input_["prompt"], input_.get("style"))
    body.update({name: input_[name] for name in _PASSED_ON if name in input_})
    seed = input_.get("seed")
    if seed is not None:
        body["seed"] = seed if seed == -1 else (seed + indexes[0]) % SEEDS
    if is_group(input_):
        body["sequential_image_generation_options"] = {"max_images": len(indexes)}
    if input_.get("stream", is_group(input_)):
        body["stream"] = True
    if input_.get("layer_decomposition"):
        body["layer_decomposition"] = True
    return body


def fingerprint_of(body: Mapping[str, Any], references: Sequence[Reference]) -> str:
    """Return a hash of the request, with its references by name instead of by their bytes."""
    named = [reference.asset or reference.url for reference in references]
    text = orjson.dumps([body, named], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()
