"""The body of an order for a film, read as strictly as Ark does.

Source: volcengine.com/docs/82379/1520757 and its 2.5 edition; read 2026-11-28. A text that no source gives is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from danqing_providers.sandbox.ark import errors
from danqing_providers.sandbox.ark.fields import choice, flag, integer, text
from danqing_providers.sandbox.ark.video.commands import split_commands
from danqing_providers.sandbox.ark.video.content import Content, read_content
from danqing_providers.sandbox.ark.video.models import VideoCatalogue, VideoModel
from danqing_providers.sandbox.ark.video.sizes import RATIOS

__all__ = ["TASK_TYPES", "VideoRequest", "read_order"]

TASK_TYPES: Final = ("auto", "reference", "edit", "extend")
_FRAMES: Final = range(29, 290, 4)
_MOST_SEED: Final = 2**32 - 1
_MOST_IDENTIFIER: Final = 64


@attrs.frozen(kw_only=True)
class VideoRequest:
    """An order that Ark would accept, with its defaults filled in.

    `ratio` may be `adaptive`. `duration` is seconds or -1; None where `frames` is given. `seed` is None when absent
    or -1.
    """

    model: VideoModel
    model_name: str
    content: Content
    prompt: str = attrs.field(repr=False)
    resolution: str
    ratio: str
    duration: int | None
    frames: int | None
    seed: int | None
    audio: bool
    watermark: bool
    camera_fixed: bool
    draft: bool
    last_frame: bool
    service_tier: str
    expires_after_s: int
    priority: int
    web_search: bool
    output_format: str
    task_type: str
    safety_identifier: str | None


def read_order(body: Mapping[str, Any], catalogue: VideoCatalogue) -> VideoRequest:
    """Return the order in *body*, null fields left out. Raises: ArkError 400 or 404."""
    name = text(body, "model")
    if not name:
        raise errors.missing_parameter("model")
    model, answered_name = catalogue.find(name)
    content = read_content(body.get("content"), model)
    prompt, said = split_commands(content.text)
    fields = _lenient(said, model) | dict(body)
    draft = flag(fields, "draft", default=False)
    frames = _frames(fields, model)
    request = VideoRequest(
        model=model,
        model_name=answered_name,
        content=content,
        prompt=prompt,
        resolution="480p" if draft else _choice(fields, "resolution", model.default_resolution, model.resolutions),
        ratio=_choice(fields, "ratio", _default_ratio(model, content), (*RATIOS, "adaptive")),
        duration=_duration(fields, model) if frames is None else None,
        frames=frames,
        seed=_seed(fields),
        audio=model.audio and flag(fields, "generate_audio", default=True),
        watermark=flag(fields, "watermark", default=False),
        camera_fixed=flag(fields, "camera_fixed", default=False),
        draft=draft,
        last_frame=flag(fields, "return_last_frame", default=False),
        service_tier=choice(fields, "service_tier", ("default", "flex")),
        expires_after_s=_optional_integer(fields, "execution_expires_after", 172_800, 3600, 259_200),
        priority=_optional_integer(fields, "priority", 0, 0, 9),
        web_search=_web_search(fields),
        output_format=choice(fields, "output_format", ("mp4", "mov")),
        task_type=choice(fields, "omni_reference_task_type", TASK_TYPES),
        safety_identifier=_safety_identifier(fields),
    )
    _check_model(request, fields)
    _check_draft(request)
    _check_references(request)
    return request


def _lenient(said: Mapping[str, Any], model: VideoModel) -> dict[str, Any]:
    """Return of what the text says only what is taken."""
    kept = {}
    for name, value in said.items():
        try:
            if name == "resolution":
                _choice(said, name, "", model.resolutions)
            elif name == "ratio":
                _choice(said, name, "", (*RATIOS, "adaptive"))
            elif name == "duration":
                _duration(said, model)
            elif name == "frames":
                _frames(said, model)
            elif name == "seed":
                _seed(said)
        except errors.ArkError:
            continue
        kept[name] = value
    return kept


def _choice(fields: Mapping[str, Any], name: str, default: str, choices: tuple[str, ...]) -> str:
    value = text(fields, name) or default
    if value not in choices:
        raise errors.invalid_parameter(name, f"must be one of {', '.join(choices)}")
    return value


def _default_ratio(model: VideoModel, content: Content) -> str:
    return "16:9" if model.old_sizes and content.mode in ("text", "reference") else "adaptive"


def _duration(fields: Mapping[str, Any], model: VideoModel) -> int:
    if fields.get("duration") == -1 and model.free_length:
        return -1
    least, most = model.durations
    return _optional_integer(fields, "duration", 5, least, most)


def _frames(fields: Mapping[str, Any], model: VideoModel) -> int | None:
    if "frames" not in fields:
        return None
    if not model.frames:
        raise errors.unsupported_parameter("frames")
    frames = integer(fields, "frames", "frames", _FRAMES.start, _FRAMES.stop - 1)
    if frames not in _FRAMES:
        raise errors.invalid_parameter("frames", "must be of the form 25 + 4n")
    return frames


def _seed(fields: Mapping[str, Any]) -> int | None:
    seed = _optional_integer(fields, "seed", -1, -1, _MOST_SEED)
    return None if seed < 0 else seed


def _optional_integer(fields: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    return integer(fields, name, name, least, most) if name in fields else default


def _web_search(fields: Mapping[str, Any]) -> bool:
    tools = fields.get("tools", [])
    if not isinstance(tools, list) or any(tool != {"type": "web_search"} for tool in tools):
        raise errors.invalid_parameter("tools", "the type of a tool must be 'web_search'")
    return bool(tools)


def _safety_identifier(fields: Mapping[str, Any]) -> str | None:
    if "safety_identifier" not in fields:
        return None
    value = text(fields, "safety_identifier")
    if len(value) > _MOST_IDENTIFIER:
        raise errors.invalid_parameter("safety_identifier", f"must be at most {_MOST_IDENTIFIER} characters")
    return value


def _check_model(request: VideoRequest, fields: Mapping[str, Any]) -> None:
    """Refuse what the model does not know, unless it says nothing."""
    model = request.model
    said_of_others = (
        ("service_tier", request.service_tier == "flex" and not model.flex),
        ("priority", request.priority > 0 and not model.second_generation),
        ("draft", request.draft and not model.draft),
        ("tools", request.web_search and not model.second_generation),
        ("output_format", "output_format" in fields and not model.task_types),
        ("omni_reference_task_type", "omni_reference_task_type" in fields and not model.task_types),
    )
    for name, refused in said_of_others:
        if refused:
            raise errors.unsupported_parameter(name)
    if request.web_search and request.content.mode != "text":
        raise errors.invalid_parameter("tools", "web_search takes text alone")


def _check_draft(request: VideoRequest) -> None:
    if not request.draft:
        return
    if request.last_frame:
        raise errors.invalid_parameter("return_last_frame", "a draft has no last frame")
    if request.service_tier == "flex":
        raise errors.invalid_parameter("service_tier", "a draft is not made offline")


def _check_references(request: VideoRequest) -> None:
    if request.content.mode != "reference":
        return
    if request.camera_fixed:
        raise errors.invalid_parameter("camera_fixed", "not for reference images")
    if request.model.old_sizes and request.resolution == "1080p":
        raise errors.invalid_parameter("resolution", "1080p is not for reference images")
    if request.model.old_sizes and request.ratio == "adaptive":
        raise errors.invalid_parameter("ratio", "adaptive is not for reference images")
