"""What clients of Ark send and are sent.

Sources: Volcengine's pages 82379/1541523 (pictures), 1824137 (their stream), 1520757, 1521309 and 1521675 (videos),
and `volcenginesdkarkruntime` 5.0.54; read 2026-11-28. That library sends null for whatever its caller leaves out.
"""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from danqing_server.doors.body_shapes import LONGEST_NAME
from danqing_server.http.shapes import extended, said
from danqing_server.records.tasks import JsonObject

__all__ = [
    "MOST_LISTED",
    "ArkDeletedShape",
    "ArkErrorShape",
    "ArkFaultShape",
    "ArkImageErrorShape",
    "ArkImageShape",
    "ArkImagesRequest",
    "ArkImagesShape",
    "ArkModelListShape",
    "ArkModelShape",
    "ArkTaskContentShape",
    "ArkTaskIdShape",
    "ArkTaskListShape",
    "ArkTaskRequest",
    "ArkTaskShape",
    "ArkTaskUsageShape",
    "ArkUsageShape",
]

MOST_LISTED = 500

_Model = Annotated[
    str,
    said(
        "a model, an alias, a route or an endpoint (`ep-…`), of whichever provider",
        "doubao-seedream-4-0-250828",
        minLength=1,
        maxLength=LONGEST_NAME,
    ),
]
_Seconds = Annotated[int, said("seconds since 1970", 1757321139)]


class ArkFaultShape(TypedDict):
    """What went wrong."""

    code: Annotated[str, said("Ark's word, for programs", "InvalidParameter")]
    message: Annotated[
        str, said("in English, with the request's id at its end", "is not valid. Request id: k7m2p9qxw4et6bz3")
    ]
    param: Annotated[str, said("the field that is wrong, or empty", "size")]
    type: Annotated[str, said("coarse", "BadRequest")]


class ArkErrorShape(TypedDict):
    """Every error under `/api/v3`, whoever found it."""

    error: ArkFaultShape


@extended
class ArkImagesRequest(TypedDict):
    """One picture, or a group. What the model knows beyond this is passed on; what it does not know is left out."""

    model: _Model
    prompt: NotRequired[Annotated[str | None, said("what to paint", "一只在竹林里的熊猫，水墨画")]]
    image: NotRequired[Annotated[object, said("one picture or a list: URL, data URI or one of our own links")]]
    size: NotRequired[Annotated[str | None, said("2K, 2048x2048, …", "2K")]]
    seed: NotRequired[Annotated[int | None, said("for the models that take one")]]
    guidance_scale: NotRequired[Annotated[float | None, said("for the models that take one")]]
    sequential_image_generation: NotRequired[Annotated[str | None, said("auto: a group of pictures")]]
    sequential_image_generation_options: NotRequired[Annotated[JsonObject | None, said("max_images of a group")]]
    stream: NotRequired[Annotated[bool | None, said("an event for each picture as soon as it is made")]]
    response_format: NotRequired[
        Annotated[str | None, said("how pictures are answered", "url", enum=["url", "b64_json"])]
    ]
    watermark: NotRequired[Annotated[bool | None, said("mark it as made by AI")]]
    optimize_prompt_options: NotRequired[Annotated[JsonObject | None, said("mode: standard or fast")]]
    output_format: NotRequired[Annotated[str | None, said("jpeg or png, for the models that take it")]]
    tools: NotRequired[Annotated[list[JsonObject] | None, said("web_search, for the models that take it")]]
    user: NotRequired[Annotated[str | None, said("whose picture it is, inside the project; ours, not Ark's")]]


class ArkImageErrorShape(TypedDict):
    """Why a picture was not made."""

    code: Annotated[str, said("Ark's word", "OutputImageSensitiveContentDetected")]
    message: Annotated[str, said("in English", "The output image may contain sensitive information.")]


@extended
class ArkImageShape(TypedDict):
    """A picture, or why it was not made. A layer has its place beside it."""

    url: NotRequired[
        Annotated[str, said("absolute", "https://danqing.example/api/v1/assets/volcengine_img_019a/0-1f.jpeg")]
    ]
    b64_json: NotRequired[Annotated[str, said("its bytes in base64")]]
    size: NotRequired[Annotated[str, said("width and height in pixels", "2048x2048")]]
    output_format: NotRequired[Annotated[str, said("jpeg, png, webp or gif", "jpeg")]]
    error: NotRequired[ArkImageErrorShape]


@extended
class ArkUsageShape(TypedDict):
    """What was made. Where the service does not count tokens they are counted as Ark does: pixels by 256."""

    generated_images: Annotated[int, said("pictures that were made", 1)]
    output_tokens: Annotated[int, said("width by height by 256, summed up", 16384)]
    total_tokens: Annotated[int, said("the same", 16384)]


class ArkImagesShape(TypedDict):
    """The pictures of a task, in order."""

    model: Annotated[str, said("that made them", "doubao-seedream-4-0-250828")]
    created: _Seconds
    data: list[ArkImageShape]
    usage: ArkUsageShape


@extended
class ArkTaskRequest(TypedDict):
    """A video. What the model knows beyond this is passed on; what it does not know is left out."""

    model: Annotated[
        str,
        said(
            "a model, an alias, a route or an endpoint (`ep-…`), of whichever provider",
            "doubao-seedance-2-0-260128",
            minLength=1,
            maxLength=LONGEST_NAME,
        ),
    ]
    content: Annotated[
        list[JsonObject],
        said(
            "texts, pictures, videos and sounds, each with its role", [{"type": "text", "text": "小猫在花园里奔跑"}]
        ),
    ]
    safety_identifier: NotRequired[Annotated[str | None, said("whose video it is, inside the project")]]
    callback_url: NotRequired[Annotated[str | None, said("who is told of each change of its status")]]
    resolution: NotRequired[Annotated[str | None, said("480p, 720p, …")]]
    ratio: NotRequired[Annotated[str | None, said("16:9, …")]]
    duration: NotRequired[Annotated[int | None, said("seconds")]]


class ArkTaskIdShape(TypedDict):
    """A new task."""

    id: Annotated[str, said("opaque; the same task in every door", "volcengine_vid_019ab3f2c1d4")]


class ArkTaskContentShape(TypedDict):
    """What was made."""

    video_url: NotRequired[
        Annotated[str, said("absolute", "https://danqing.example/api/v1/assets/volcengine_vid_019a/0-1f.mp4")]
    ]
    last_frame_url: NotRequired[Annotated[str, said("where it was asked for")]]


@extended
class ArkTaskUsageShape(TypedDict):
    """What the service counted."""

    completion_tokens: Annotated[int, said("0 where it counts none", 108900)]
    total_tokens: Annotated[int, said("the same", 108900)]


@extended
class ArkTaskShape(TypedDict):
    """A video's task; what it was asked for stands beside these by its own names."""

    id: Annotated[str, said("as it was made", "volcengine_vid_019ab3f2c1d4")]
    model: Annotated[str, said("that makes it", "doubao-seedance-2-0-260128")]
    status: Annotated[
        str,
        said(
            "where it stands",
            "succeeded",
            enum=["queued", "running", "succeeded", "failed", "cancelled", "expired"],
        ),
    ]
    error: Annotated[ArkImageErrorShape | None, said("why it failed", None)]
    created_at: _Seconds
    updated_at: _Seconds
    content: NotRequired[ArkTaskContentShape]
    usage: NotRequired[ArkTaskUsageShape]


class ArkTaskListShape(TypedDict):
    """Tasks, newest first."""

    items: list[ArkTaskShape]
    total: Annotated[int, said("on all pages; of more than 10000, or a slow count, those known of", 1)]


class ArkDeletedShape(TypedDict):
    """Nothing: it was cancelled, or is gone."""


class ArkModelShape(TypedDict):
    """A model, or a route."""

    id: Annotated[str, said("what requests name", "doubao-seedream-4-0-250828")]
    object: Annotated[str, said("always model", "model")]
    name: Annotated[str, said("its family", "doubao-seedream-4-0")]
    version: Annotated[str, said("its date, or empty", "250828")]
    created: _Seconds
    domain: Annotated[str, said("what it makes", "ImageGeneration")]
    status: Annotated[str, said("always empty: it can be used", "")]
    task_type: Annotated[list[str], said("what it can do", ["TextToImage"])]
    modalities: Annotated[
        JsonObject,
        said("what goes in and comes out", {"input_modalities": ["text"], "output_modalities": ["image"]}),
    ]


class ArkModelListShape(TypedDict):
    """Every model of every provider, and the routes."""

    object: Annotated[str, said("always list", "list")]
    data: list[ArkModelShape]
