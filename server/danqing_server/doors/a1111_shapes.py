"""What clients of AUTOMATIC1111's API send and are sent.

Source: AUTOMATIC1111/stable-diffusion-webui, modules/api/models.py and api.py, read 2026-11-28.
"""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from danqing_server.http.shapes import extended, said
from danqing_server.records.tasks import JsonObject

__all__ = [
    "A1111EntryShape",
    "A1111ErrorShape",
    "A1111ImagesRequest",
    "A1111ImagesShape",
    "A1111ModelShape",
    "A1111NothingShape",
    "A1111OptionsChange",
    "A1111OptionsShape",
    "A1111ProgressShape",
]


class A1111ErrorShape(TypedDict):
    """Every error under `/sdapi/v1`, whoever found it."""

    error: Annotated[str, said("a stable word", "validation_failed")]
    detail: Annotated[str, said("in English", "width: must be a whole number")]
    body: Annotated[str, said("always empty", "")]
    errors: Annotated[str, said("the same as `detail`", "width: must be a whole number")]


@extended
class A1111ImagesRequest(TypedDict):
    """Pictures. What means nothing to a service (samplers, scripts, …) is left out."""

    prompt: NotRequired[Annotated[str | None, said("what to paint", "一只在竹林里的熊猫，水墨画")]]
    negative_prompt: NotRequired[Annotated[str | None, said("what not to paint, for the models that take it")]]
    width: NotRequired[Annotated[int | None, said("pixels", 1024)]]
    height: NotRequired[Annotated[int | None, said("pixels", 1024)]]
    batch_size: NotRequired[Annotated[int | None, said("pictures; times n_iter")]]
    n_iter: NotRequired[Annotated[int | None, said("times batch_size")]]
    seed: NotRequired[Annotated[int | None, said("-1: any")]]
    steps: NotRequired[Annotated[int | None, said("for the models that take it")]]
    cfg_scale: NotRequired[Annotated[float | None, said("for the models that take it")]]
    override_settings: NotRequired[Annotated[JsonObject | None, said("sd_model_checkpoint: its model")]]
    init_images: NotRequired[Annotated[list[str] | None, said("pictures to begin with, in base64")]]
    mask: NotRequired[Annotated[str | None, said("in base64, for the models that take it")]]


class A1111ImagesShape(TypedDict):
    """The pictures of a task."""

    images: Annotated[list[str], said("PNG in base64", ["iVBORw0KGgo="])]
    parameters: Annotated[JsonObject, said("what was asked for", {"prompt": "一只在竹林里的熊猫，水墨画"})]
    info: Annotated[str, said("JSON as text", "{}")]


class A1111ModelShape(TypedDict):
    """A model, an alias or a route."""

    title: Annotated[str, said("what `sd_model_checkpoint` is set to", "doubao-seedream-4-0-250828")]
    model_name: Annotated[str, said("the same", "doubao-seedream-4-0-250828")]
    hash: Annotated[str | None, said("always null", None)]
    sha256: Annotated[str | None, said("always null", None)]
    filename: Annotated[str, said("the same as `title`", "doubao-seedream-4-0-250828")]
    config: Annotated[str | None, said("always null", None)]


@extended
class A1111OptionsShape(TypedDict):
    """What is set for this API key."""

    sd_model_checkpoint: Annotated[str, said("its model", "doubao-seedream-4-0-250828")]
    samples_format: Annotated[str, said("always png", "png")]


@extended
class A1111OptionsChange(TypedDict):
    """What to set for this API key; other options mean nothing here, and are left out."""

    sd_model_checkpoint: NotRequired[Annotated[str | None, said("of sd-models", "doubao-seedream-4-0-250828")]]


class A1111NothingShape(TypedDict):
    """Nothing: it is done."""


@extended
class A1111EntryShape(TypedDict):
    """Something that services do not let choose: a sampler, a scheduler, an upscaler, a mode."""

    name: Annotated[str, said("any", "Automatic")]


class A1111ProgressShape(TypedDict):
    """How far this key's newest call is: nobody knows, so that it is always at its beginning."""

    progress: Annotated[float, said("from 0 to 1", 0.0)]
    eta_relative: Annotated[float, said("seconds", 0.0)]
    state: Annotated[JsonObject, said("job_count and the like", {"job_count": 0})]
    current_image: Annotated[str | None, said("always null", None)]
    textinfo: Annotated[str | None, said("always null", None)]
