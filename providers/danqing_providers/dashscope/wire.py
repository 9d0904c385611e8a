"""What is sent: one body for each of DashScope's routes.

Sources: the pages of `image_models` and `video_models`; dashscope 2.0.2 (`aigc/*.py`), read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from danqing_plugins import Job, Run
from danqing_plugins.kit.links import link_of
from danqing_providers.dashscope.catalogue import Frames, Model, Route
from danqing_providers.dashscope.form import LAST_FRAME

__all__ = ["ASYNC_HEADER", "body_of", "links_of", "prompt_of"]

ASYNC_HEADER: Final = {"X-DashScope-Async": "enable"}
_OF_INPUT: Final = ("prompt", "audio_url", "n")
_AUDIO: Final = "driving_audio"


def prompt_of(job: Job) -> str:
    """Return the prompt of *job*, empty where it has none."""
    return str(job.input.get("prompt") or "")


async def links_of(job: Job, run: Run) -> dict[str, str]:
    """Return the references as URLs or data URIs by their field, in order. Raises: as `link_of`."""
    return {reference.field: await link_of(run, reference) for reference in job.references}


def body_of(model: Model, asked: Mapping[str, Any], pictures: Mapping[str, str], count: int) -> dict[str, Any]:
    """Return the body that asks for *count* outputs.

    *asked* is the task's input, *pictures* the references as URLs or data URIs by their field, in order. `n` is
    always sent where it is known: without it some models make, and charge, four pictures.
    """
    parameters = {key: value for key, value in asked.items() if key not in _OF_INPUT}
    if model.sends_count and not model.is_video:
        parameters["n"] = count
    if model.route in (Route.MESSAGES, Route.IMAGE_GENERATION):
        content = [{"image": url} for url in pictures.values()] + [{"text": asked["prompt"]}]
        given: dict[str, Any] = {"messages": [{"role": "user", "content": content}]}
    else:
        given = {"prompt": asked["prompt"]} if asked.get("prompt") else {}
        if "negative_prompt" in parameters:
            given["negative_prompt"] = parameters.pop("negative_prompt")
        given |= _video_input(model, asked, pictures) if model.is_video else {}
    return {"model": model.id, "input": given, "parameters": parameters}


def _video_input(model: Model, asked: Mapping[str, Any], pictures: Mapping[str, str]) -> dict[str, Any]:
    audio = asked.get("audio_url")
    if model.frames is Frames.MEDIA:
        last = [LAST_FRAME] if LAST_FRAME in pictures else []
        first = [field for field in pictures if field != LAST_FRAME]
        media = [{"type": "first_frame", "url": pictures[field]} for field in first]
        media += [{"type": LAST_FRAME, "url": pictures[field]} for field in last]
        return {"media": media + ([{"type": _AUDIO, "url": audio}] if audio else [])}
    given = {"audio_url": audio} if audio else {}
    if model.frames is Frames.IMG_URL:
        given["img_url"] = next(iter(pictures.values()))
    return given
