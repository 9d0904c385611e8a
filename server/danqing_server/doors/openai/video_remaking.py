"""Requests to edit or to extend a video, for clients of OpenAI's Videos API.

Source: openai-python 3.57.0 (`resources/videos.py`, `types/video_edit_params.py`, `types/video_extend_params.py`),
read 2026-11-29: `prompt` and `video`, which is `{"id": …}` of one that is completed (`video[id]` in a form) or a
file; `seconds` of an extension is the length of what is added.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from danqing_plugins import Message, OutputKind, Text
from danqing_server.access.caller import Caller
from danqing_server.doors.fields import NOT_TEXT, REQUIRED
from danqing_server.doors.offers import Offer, Offers
from danqing_server.doors.openai.reading import Wish, user_of, wrong
from danqing_server.doors.openai.video_fitting import LENGTHS, fit_length
from danqing_server.doors.openai.video_reading import (
    FILMS,
    became_length,
    film_named,
    kept_of,
    seconds_of,
    wish_of,
)
from danqing_server.errors import InvalidSubmission
from danqing_server.records.tasks import JsonObject, Task

__all__ = ["EDIT", "EXTEND", "file_of", "not_made_here", "read_remade", "video_id_of"]

KIND = "omni_reference_task_type"
"""How a model is told what to do with a video. What Seedance 2.5 edits stays as long and as wide as it is, what it
extends as wide. Source: volcengine.com/docs/82379/1520757, read 2026-11-28."""

EDIT, EXTEND = "edit", "extend"
AS_WIDE, AS_LONG = "adaptive", -1

NOT_AN_ID = Message(
    key="openai_not_a_video_id",
    en="must be the id of a completed video, as in video.id, or the file of one that was made here",
    zh="只能是已完成视频的 id，如 video.id，或在此生成的视频的文件",
)
NOT_MADE_HERE = Message(
    key="openai_video_not_made_here",
    en="is no video that was made here, and services fetch videos by their links: name a completed one by "
    "video.id, or send POST /v1/videos its link as {field}, with {how}: {kind}, and one of these as model: {able}",
    zh="不是在此生成的视频，而服务商凭链接下载视频：请用 video.id 指定已完成的视频，或向 POST /v1/videos 以 "
    "{field} 发送其链接，附 {how}: {kind}，model 为以下之一：{able}",
)
CANNOT = Message(
    key="openai_model_cannot_remake",
    en="{model} cannot {kind} a video; name one that can: {able}",
    zh="{model} 不支持 {kind}，请指定支持的模型：{able}",
)
NOBODY = Text("none here", "此处没有")


def video_id_of(body: JsonObject) -> str:
    """Return which video a request is about. Raises InvalidSubmission: it names none by its id."""
    given = body.get("video[id]", body.get("video"))
    found = given.get("id") if isinstance(given, Mapping) else given
    if found is None:
        raise wrong("video", REQUIRED(), None)
    if not isinstance(found, str) or not found:
        raise wrong("video", NOT_AN_ID(), None)
    return found


def file_of(body: JsonObject) -> bytes | None:
    """Return the file of the video that a request is about; None: it is named by its id, or not at all."""
    given = body.get("video")
    return given if isinstance(given, bytes) and given and "video[id]" not in body else None


def not_made_here(kind: str, offers: Offers) -> InvalidSubmission:
    """Return why a file cannot be edited or extended, and how a video of elsewhere can."""
    able = [offer for offer in _videos(offers) if _does(kind, offer)]
    field = ", ".join(sorted({name for offer in able for name in film_named(offer, "")})) or FILMS[0]
    return wrong("video", NOT_MADE_HERE(field=field, how=KIND, kind=kind, able=_able(kind, offers)), None)


def read_remade(
    kind: str,
    body: JsonObject,
    headers: Mapping[str, str],
    caller: Caller,
    offers: Offers,
    *,
    source: Task,
    link: str,
) -> Wish:
    """Read a request to edit or extend *source*, which is to be had by *link*: by its own model, or the one named.

    Raises:
        NotFound: nobody has that model.
        InvalidSubmission: the model does not do that, or what decides on what is bought is missing.
    """
    usual = f"{source.provider}/{source.model}"
    offer = offers.find(_text(body, "model") or usual, OutputKind.VIDEO)
    if not _does(kind, offer):
        raise wrong("model", CANNOT(model=offer.model, kind=kind, able=_able(kind, offers)), None)
    for name in ("prompt", "seconds") if kind == EXTEND else ("prompt",):
        if body.get(name) in (None, ""):
            raise wrong(name, REQUIRED(), None)
    length: Mapping[str, object] = {"duration": AS_LONG}
    notes: tuple[Text, ...] = ()
    if kind == EXTEND:
        length = fit_length(seconds_of(body["seconds"]), offer.takes)
        notes = became_length(body["seconds"], length)
    kept = kept_of(source, offer, without={*LENGTHS, KIND, "ratio"}) if _is_of(source, offer) else {}
    asked: dict[str, Any] = {"prompt": body["prompt"], KIND: kind, "ratio": AS_WIDE, **length}
    return wish_of(offer, {**kept, **asked, **film_named(offer, link)}, notes, user_of(body, headers), caller)


def _does(kind: str, offer: Offer) -> bool:
    return kind in offer.takes.get(KIND, {}).get("enum", ()) and bool(film_named(offer, ""))


def _able(kind: str, offers: Offers) -> str | Text:
    return ", ".join(sorted({offer.model for offer in _videos(offers) if _does(kind, offer)})) or NOBODY


def _videos(offers: Offers) -> Iterator[Offer]:
    return (offer for _, offer in offers.names() if offer.info.kind is OutputKind.VIDEO)


def _is_of(source: Task, offer: Offer) -> bool:
    return (source.provider, source.model) == (offer.provider, offer.model)


def _text(body: JsonObject, name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise wrong(name, NOT_TEXT(), value)
    return value
