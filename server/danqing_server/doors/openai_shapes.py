"""What clients of OpenAI's Images API send and are sent.

Source: OpenAI's API reference, platform.openai.com/docs/api-reference/images, and openai-python 3.57.0, read
2026-11-28.
"""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from danqing_server.http.shapes import extended, said
from danqing_server.records.tasks import JsonObject

__all__ = [
    "OpenAIChatRequest",
    "OpenAIChatShape",
    "OpenAIErrorShape",
    "OpenAIFaultShape",
    "OpenAIImageShape",
    "OpenAIImagesRequest",
    "OpenAIImagesShape",
    "OpenAIModelListShape",
    "OpenAIModelShape",
    "OpenAITaskShape",
    "OpenAITokensShape",
]


class OpenAIFaultShape(TypedDict):
    """What went wrong."""

    message: Annotated[str, said("in English", "size: must be a string")]
    type: Annotated[str, said("coarse", "invalid_request_error")]
    param: Annotated[str | None, said("the field that is wrong, as it was sent", "size")]
    code: Annotated[str | None, said("stable", "validation_failed")]


class OpenAIErrorShape(TypedDict):
    """Every error under `/v1`, whoever found it."""

    error: OpenAIFaultShape


@extended
class OpenAIImagesRequest(TypedDict):
    """A request for pictures. Other fields are passed to a model that takes them, and noted otherwise."""

    prompt: Annotated[str, said("what is to be seen", "a red fox in the snow")]
    model: NotRequired[Annotated[str | None, said("a model, a route, or an alias; by default the default one")]]
    n: NotRequired[Annotated[int | None, said("how many pictures", 1)]]
    size: NotRequired[Annotated[str | None, said("`WxH` or `auto`; fitted to the model", "1024x1024")]]
    quality: NotRequired[Annotated[object, said("OpenAI's word, a text; fitted to the model, else noted", "auto")]]
    response_format: NotRequired[
        Annotated[object, said("`b64_json` or `url`, a text; else as if there were none", "b64_json")]
    ]
    output_format: NotRequired[
        Annotated[object, said("`png`, `jpeg` or `webp`, a text; converted if need be, else noted", "png")]
    ]
    stream: NotRequired[Annotated[object, said("answer with events: true, or that as a text; else not", False)]]
    user: NotRequired[Annotated[object, said("whose turn it is, inside a project: a text; else nobody's", "u1")]]


class OpenAITaskShape(TypedDict):
    """A task that is looked for later."""

    id: Annotated[str, said("", "volcengine_img_019ab3f2c1d4")]
    task_id: Annotated[str, said("the same", "volcengine_img_019ab3f2c1d4")]
    object: Annotated[str, said("", "image.generation.task")]
    status: Annotated[str, said("", "processing", enum=["processing", "completed", "failed"])]
    created_at: Annotated[int, said("Unix seconds", 1795860000)]
    expires_at: Annotated[int, said("Unix seconds", 1795946400)]
    poll_url: Annotated[str, said("where to look", "http://localhost:8080/v1/images/tasks/t")]
    completed_at: NotRequired[Annotated[int, said("Unix seconds", 1795860030)]]
    http_status: NotRequired[Annotated[int, said("what a call that waited was answered", 200)]]
    image_url: NotRequired[Annotated[str, said("the first picture")]]
    result: NotRequired[OpenAIImagesShape]
    error: NotRequired[OpenAIFaultShape]


class OpenAIModelShape(TypedDict):
    """Something that can be asked for by name."""

    id: Annotated[str, said("what to send as `model`", "dall-e-3")]
    object: Annotated[str, said("", "model")]
    created: Annotated[int, said("not known: 0", 0)]
    owned_by: Annotated[str, said("its provider", "volcengine")]
    supported_endpoint_types: Annotated[list[str], said("where to ask for it", ["image-generation", "openai"])]


class OpenAIModelListShape(TypedDict):
    """All that a key may ask for."""

    object: Annotated[str, said("", "list")]
    data: list[OpenAIModelShape]


class OpenAIImageShape(TypedDict):
    """One picture: inside the answer, as a link, or both."""

    b64_json: NotRequired[Annotated[str, said("base64 of the file", "iVBORw0KGgo=")]]
    url: NotRequired[Annotated[str, said("where to fetch it", "http://localhost:8080/api/v1/assets/t/0-a.png")]]


class OpenAIImagesShape(TypedDict):
    """The pictures of a call."""

    created: Annotated[int, said("Unix seconds", 1795860000)]
    data: list[OpenAIImageShape]
    size: NotRequired[Annotated[str, said("of the first", "1024x1024")]]
    output_format: NotRequired[Annotated[str, said("what the files are", "png")]]
    usage: NotRequired[Annotated[JsonObject, said("where the service counts as OpenAI does")]]


@extended
class OpenAIChatRequest(TypedDict):
    """A chat; of its messages the last one of a user is the prompt, pictures in it are references."""

    messages: Annotated[
        list[JsonObject], said("texts, or parts `text` and `image_url`", [{"role": "user", "content": "a red fox"}])
    ]
    model: NotRequired[Annotated[str | None, said("a model that makes pictures")]]
    stream: NotRequired[Annotated[bool | None, said("answer with events", False)]]


class OpenAITokensShape(TypedDict):
    """What a chat took; 0 where the service does not count as OpenAI does."""

    prompt_tokens: Annotated[int, said("", 0)]
    completion_tokens: Annotated[int, said("", 0)]
    total_tokens: Annotated[int, said("", 0)]


class OpenAIChatShape(TypedDict):
    """What an assistant says: links to the pictures."""

    id: Annotated[str, said("the task's, with a prefix", "chatcmpl-volcengine_img_019ab3f2c1d4")]
    object: Annotated[str, said("", "chat.completion")]
    created: Annotated[int, said("Unix seconds", 1795860000)]
    model: Annotated[str, said("what made them", "doubao-seedream-4-5-251128")]
    choices: Annotated[
        list[JsonObject],
        said("one: its `message` has markdown in `content`, and `images`", [{"index": 0, "finish_reason": "stop"}]),
    ]
    usage: OpenAITokensShape
