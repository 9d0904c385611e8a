"""What clients of OpenAI's Videos API send and are sent.

Source: openai-python 3.57.0 (`types/video.py` and beside it), read 2026-11-28. `url` is for LobeHub, which
looks there before it asks for the content.
"""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from danqing_server.http.shapes import extended, said
from danqing_server.records.tasks import JsonObject

__all__ = [
    "OpenAIRemixRequest",
    "OpenAIVideoDeletedShape",
    "OpenAIVideoEditRequest",
    "OpenAIVideoErrorShape",
    "OpenAIVideoExtensionRequest",
    "OpenAIVideoListShape",
    "OpenAIVideoShape",
    "OpenAIVideosRequest",
]


@extended
class OpenAIVideosRequest(TypedDict):
    """A request for a video. Other fields are passed to a model that takes them, and noted otherwise."""

    prompt: Annotated[str, said("what is to be seen", "a red fox runs through the snow")]
    model: NotRequired[Annotated[str | None, said("a model, a route, or an alias; by default the first of videos")]]
    seconds: NotRequired[Annotated[str | int | None, said("how long; the model's nearest", "4")]]
    size: NotRequired[Annotated[str | None, said("`WxH`; fitted to the model", "1280x720")]]
    input_reference: NotRequired[
        Annotated[JsonObject | str | None, said("the picture to begin with: `image_url`, a link or a data URI")]
    ]
    user: NotRequired[Annotated[object, said("whose turn it is, inside a project: a text; else nobody's", "u1")]]


@extended
class OpenAIRemixRequest(TypedDict):
    """A request for another video of a video."""

    prompt: Annotated[str, said("what is to be seen instead", "the same, by night")]


@extended
class OpenAIVideoEditRequest(TypedDict):
    """A request for a video that differs from another by what the prompt says."""

    prompt: Annotated[str, said("what becomes of it", "it snows")]
    video: Annotated[
        JsonObject | str,
        said('`{"id": …}` of a completed video; in a form also the file of one', {"id": "volcengine_vid_019ab3f2"}),
    ]
    model: NotRequired[Annotated[str | None, said("who edits it; by default what made it")]]


@extended
class OpenAIVideoExtensionRequest(TypedDict):
    """A request for a video that goes on where another ends."""

    prompt: Annotated[str, said("what happens next", "the fox looks back")]
    video: Annotated[
        JsonObject | str,
        said('`{"id": …}` of a completed video; in a form also the file of one', {"id": "volcengine_vid_019ab3f2"}),
    ]
    seconds: Annotated[str | int, said("how much is added; the model's nearest", "4")]
    model: NotRequired[Annotated[str | None, said("who extends it; by default what made it")]]


class OpenAIVideoErrorShape(TypedDict):
    """Why there is no video."""

    code: Annotated[str, said("stable", "moderation_blocked")]
    message: Annotated[str, said("in English", "The service refused it.")]


class OpenAIVideoShape(TypedDict):
    """A video that is made, or will be."""

    id: Annotated[str, said("the task's, good in every door", "volcengine_video_019ab3f2c1d4")]
    object: Annotated[str, said("", "video")]
    model: Annotated[str, said("what makes it", "doubao-seedance-2-0-260128")]
    status: Annotated[str, said("", "in_progress", enum=["queued", "in_progress", "completed", "failed"])]
    progress: Annotated[int, said("percent", 40)]
    created_at: Annotated[int, said("Unix seconds", 1795860000)]
    completed_at: Annotated[int | None, said("Unix seconds; null: not yet, or never", 1795860090)]
    expires_at: Annotated[int | None, said("Unix seconds; null: it stays until it is deleted", None)]
    error: Annotated[OpenAIVideoErrorShape | None, said("of one that failed", None)]
    prompt: Annotated[str | None, said("as it was sent", "a red fox runs through the snow")]
    remixed_from_video_id: Annotated[str | None, said("what it is a remix of", None)]
    seconds: Annotated[str, said("how long; empty: the model decides", "4")]
    size: Annotated[str, said("`WxH`, before it is known what was asked for", "1280x720")]
    url: NotRequired[Annotated[str, said("where to fetch it", "http://localhost:8080/api/v1/assets/t/0-a.mp4")]]


class OpenAIVideoListShape(TypedDict):
    """Some of a project's videos."""

    object: Annotated[str, said("", "list")]
    data: list[OpenAIVideoShape]
    has_more: Annotated[bool, said("whether any come behind the last", False)]
    first_id: Annotated[str | None, said("", "volcengine_video_019ab3f2c1d4")]
    last_id: Annotated[str | None, said("what to send as `after`", "volcengine_video_019ab3f2c1d4")]


class OpenAIVideoDeletedShape(TypedDict):
    """It is gone."""

    id: Annotated[str, said("", "volcengine_video_019ab3f2c1d4")]
    object: Annotated[str, said("", "video.deleted")]
    deleted: Annotated[bool, said("", True)]
