"""The `content` of an order: its text and what it refers to, each in its role.

Source: volcengine.com/docs/82379/1520757; read 2026-11-28. A text that no source gives is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from danqing_providers.sandbox.ark import errors
from danqing_providers.sandbox.ark.errors import ArkError
from danqing_providers.sandbox.ark.video.models import VideoModel

__all__ = ["Content", "read_content"]

_ROLES: Final[Mapping[str, frozenset[str]]] = {
    "image_url": frozenset({"first_frame", "last_frame", "reference_image"}),
    "video_url": frozenset({"reference_video"}),
    "audio_url": frozenset({"reference_audio"}),
}


@attrs.frozen(kw_only=True)
class Content:
    """What was sent: `pictures`, `films` and `sounds` are URLs, data URIs or `asset://` ids.

    `mode` is `text`, `first_frame`, `first_and_last` or `reference`; with `draft_id` it is `draft`, and all else is
    empty.
    """

    mode: str
    text: str = attrs.field(default="", repr=False)
    pictures: tuple[str, ...] = attrs.field(default=(), repr=False)
    films: tuple[str, ...] = attrs.field(default=(), repr=False)
    sounds: tuple[str, ...] = attrs.field(default=(), repr=False)
    draft_id: str = ""


def read_content(value: Any, model: VideoModel) -> Content:
    """Return the content in *value*, checked against what *model* takes. Raises: ArkError 400."""
    if value is None or value == []:
        raise errors.missing_parameter("content")
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _wrong("expected an array of objects")
    drafts = [item for item in value if item.get("type") == "draft_task"]
    if drafts:
        return Content(mode="draft", draft_id=_draft_id(drafts[0], value))
    text = "\n".join(_text(item) for item in value if item.get("type") == "text")
    sent = [(_kind(item), item) for item in value if item.get("type") != "text"]
    pictures = [(_url(item, "image_url"), item.get("role")) for kind, item in sent if kind == "image_url"]
    content = Content(
        mode=_mode([role for _, role in pictures], has_media=len(pictures) < len(sent)),
        text=text,
        pictures=tuple(url for url, _ in _in_order(pictures)),
        films=tuple(_url(item, kind) for kind, item in sent if kind == "video_url"),
        sounds=tuple(_url(item, kind) for kind, item in sent if kind == "audio_url"),
    )
    _check_mode(content, model)
    _check_counts(content, model)
    return content


def _draft_id(item: Mapping[str, Any], items: Sequence[Any]) -> str:
    inner = item.get("draft_task")
    name = inner.get("id") if isinstance(inner, dict) else None
    if not isinstance(name, str) or len(items) > 1:
        raise _wrong("a draft_task must have an id and stand alone")
    return name


def _text(item: Mapping[str, Any]) -> str:
    text = item.get("text")
    if not isinstance(text, str):
        raise _wrong("expected a string as text")
    return text


def _kind(item: Mapping[str, Any]) -> str:
    kind = str(item.get("type"))
    if kind not in _ROLES:
        raise _wrong(f"unknown type {kind!r}")
    role = item.get("role")
    if role is not None and role not in _ROLES[kind]:
        raise _wrong(f"the role {role!r} is not one of {sorted(_ROLES[kind])}")
    if role is None and kind != "image_url":
        raise _wrong(f"a {kind} needs the role {min(_ROLES[kind])}")
    return kind


def _url(item: Mapping[str, Any], kind: str) -> str:
    inner = item.get(kind)
    url = inner.get("url") if isinstance(inner, dict) else None
    if not isinstance(url, str) or not url:
        raise errors.invalid_parameter("content", "the URL is empty", code="InvalidImageURL.EmptyURL")
    if kind == "video_url" and url[:5].lower() == "data:":
        raise _wrong("a video must be a URL or an asset")
    return url


def _mode(roles: Sequence[str | None], *, has_media: bool) -> str:
    kinds = {role or "first_frame" for role in roles}
    if has_media:
        kinds.add("reference_image")
    if len(kinds & {"first_frame", "last_frame"}) and "reference_image" in kinds:
        raise _wrong("first and last frames cannot be mixed with references")
    if not kinds:
        return "text"
    if "reference_image" in kinds:
        return "reference"
    if len(roles) == 1 and "first_frame" in kinds:
        return "first_frame"
    if sorted(role or "" for role in roles) != ["first_frame", "last_frame"]:
        raise _wrong("expected one first_frame, and one last_frame with it at most, each with its role")
    return "first_and_last"


def _in_order(pictures: Sequence[tuple[str, str | None]]) -> Sequence[tuple[str, str | None]]:
    return sorted(pictures, key=lambda picture: picture[1] == "last_frame")


def _check_mode(content: Content, model: VideoModel) -> None:
    if content.mode == "text":
        if not model.text_only:
            raise _wrong(f"the model {model.id} needs an image")
        if not content.text.strip():
            raise _wrong("text content must contain a prompt description")
    if content.mode in ("first_frame", "first_and_last") and "first_frame" not in model.roles:
        raise _wrong(f"the model {model.id} does not support first frame image")
    if content.mode == "first_and_last" and "last_frame" not in model.roles:
        raise _wrong(f"the model {model.id} does not support last frame image")
    if content.mode == "reference" and "reference_image" not in model.roles:
        raise _wrong(f"the model {model.id} does not support reference image")


def _check_counts(content: Content, model: VideoModel) -> None:
    if content.mode != "reference":
        return
    sent = (
        ("images", len(content.pictures), model.pictures),
        ("videos", len(content.films), model.films),
        ("audios", len(content.sounds), model.sounds),
    )
    for noun, count, most in sent:
        if count > most:
            raise _wrong(f"the number of reference {noun} must be at most {most}")
    if content.sounds and not (content.pictures or content.films or model.lone_sound):
        raise _wrong("a reference audio needs a reference image or video")


def _wrong(reason: str) -> ArkError:
    return errors.invalid_parameter("content", reason)
