"""What is sent and taken of pictures, whichever tasks made them."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from danqing_plugins import OutputKind
from danqing_server.doors.body_shapes import PLAIN
from danqing_server.http.shapes import Moment, closed, said

__all__ = [
    "LONGEST_TEMPLATE",
    "MOST_ARCHIVED",
    "PICTURE_ID",
    "ArchiveRequest",
    "PictureIndexShape",
    "PicturePageShape",
    "PictureShape",
    "StarredShape",
]

PICTURE_ID = "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}/(0|[1-9][0-9]{0,3})$"
MOST_ARCHIVED = 2_000
LONGEST_TEMPLATE = 200

_TASK = "volcengine_img_019ab3f2c1d41f0a9c2d7e6b5a403928"
_ID = f"{_TASK}/0"
_KEY = f"{_TASK}/0-5c1e0f9a7b3d2e4f6a8b0c1d.png"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class PictureShape(TypedDict):
    """A picture, or another output, that is kept."""

    id: Annotated[str, said("its task and its place there", _ID, pattern=PICTURE_ID)]
    task_id: Annotated[str, said("who made it", _TASK)]
    index: Annotated[int, said("its place in the task, from 0", 0)]
    of: Annotated[int, said("how many the task was asked for", 1)]
    kind: Annotated[OutputKind, said("what it is", "image")]
    url: Annotated[str, said("where it is", f"http://localhost:8080/api/v1/assets/{_KEY}")]
    path: Annotated[str, said("the same without scheme and host", f"/api/v1/assets/{_KEY}")]
    has_thumbnail: Annotated[
        bool, said("whether `?w=256`, `512` or `1024` shows it small: of a video a still", True)
    ]
    width: Annotated[int, said("pixels; 0 for what has none", 1024)]
    height: Annotated[int, said("pixels; 0 for what has none", 1024)]
    colour: Annotated[
        str | None, said("its mean; null before the first thumbnail was made", "#7d8a80", pattern="^#[0-9a-f]{6}$")
    ]
    duration_s: Annotated[float | None, said("of what is played", None)]
    media_type: Annotated[str, said("by its own bytes", "image/png")]
    size_bytes: Annotated[int, said("", 245_123)]
    sha256: Annotated[str, said("of the file", _SHA256)]
    starred: Annotated[bool, said("whether it has a star", False)]
    prompt: Annotated[str | None, said("its first 300 characters", "水墨山谷，晨雾")]
    provider: Annotated[str, said("who made it", "volcengine")]
    model: Annotated[str, said("the model's own id", "doubao-seedream-4-0-250828")]
    user_id: Annotated[str, said("as it was sent", "user_123")]
    sandbox: Annotated[bool, said("simulated: nothing was paid", False)]
    created_at: Annotated[Moment, said("when its task was made", "2026-11-24T02:00:00Z")]


class PicturePageShape(TypedDict):
    """Pictures, newest task first, and in it by their places; or those that were asked for, in that order."""

    pictures: list[PictureShape]
    count: Annotated[int, said("on this page", 1)]
    next_cursor: Annotated[str | None, said("pass as `cursor` to go on; null when there is no more", None)]
    searched_to: Annotated[
        Moment | None, said("how far back was looked when time was over before the page was full", None)
    ]


class PictureIndexShape(TypedDict):
    """The ids of pictures, in the same order."""

    ids: Annotated[list[str], said("of pictures", [_ID])]
    count: Annotated[int, said("of these ids", 1)]
    next_cursor: Annotated[str | None, said("pass as `cursor` to go on; null when there is no more", None)]
    searched_to: Annotated[Moment | None, said("how far back was looked when time was over", None)]


class StarredShape(TypedDict):
    """A picture that got a star, or lost it."""

    id: Annotated[str, said("its task and its place there", _ID)]
    starred: Annotated[bool, said("whether it has a star", True)]


@closed
class ArchiveRequest(TypedDict):
    """Which pictures are to be in an archive, and how they are called there."""

    ids: Annotated[
        list[Annotated[str, said("a picture", _ID, pattern=PICTURE_ID)]],
        said("in the order of the archive", [_ID], minItems=1, maxItems=MOST_ARCHIVED),
    ]
    name: NotRequired[
        Annotated[
            str,
            said(
                "a template of `{n}`, `{date}`, `{time}`, `{model}`, `{prompt}`, `{user}`, `{task}`, `{index}`, "
                "`{width}`, `{height}`",
                "{date}-{model}-{prompt}-{n}",
                minLength=1,
                maxLength=LONGEST_TEMPLATE,
                **PLAIN,
            ),
        ]
    ]
