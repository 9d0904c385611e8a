"""Pictures for clients that only know chats: the last words of a user are the prompt, the answer holds links.

Content is markdown, and `images` beside it OpenRouter's form. Other roles and earlier turns are not looked at.
Sources: openrouter.ai's documentation of image models, LobeHub, NextChat, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sanic import Blueprint, HTTPResponse

from danqing_server.doors.documentation import KEY_HEADER, Answer, described
from danqing_server.doors.holding import GOES_ON, note_refusal
from danqing_server.doors.lasting import way_of
from danqing_server.doors.openai.calls import take_in
from danqing_server.doors.openai.streaming import by_events
from danqing_server.doors.openai_shapes import OpenAIChatRequest, OpenAIChatShape, OpenAIErrorShape
from danqing_server.http.entry import admit_change
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_post
from danqing_server.records.tasks import JsonObject
from danqing_server.records.tenancy import Scope

__all__ = ["routes"]

PASSED = ("model", "n", "size", "quality", "seed", "user", "safety_identifier", "stream")

routes = Blueprint("openai_chat", url_prefix="/v1/chat")


@on_post(routes, "/completions", needs=Scope.GENERATE, when_refused=note_refusal)
@described(
    "对话生成图片（OpenAI 格式） · Make pictures in a chat",
    {
        200: Answer(description="图片 · the pictures", shape=OpenAIChatShape, enveloped=False, streams=True),
        303: GOES_ON,
    },
    errors=(400, 404, 413, 422, 429),
    refused_as=OpenAIErrorShape,
    body=OpenAIChatRequest,
    parameters=[KEY_HEADER],
)
async def create_chat_completion(request: ApiRequest) -> HTTPResponse | None:
    """Make pictures of the last words of a user, and of the pictures beside them; with `stream` as one delta."""
    call = await take_in(request, admit_change(request), reads=_as_wish)
    await call.see_through(by_events if call.voice.manner.stream else way_of(call.services.settings))
    return None


def _as_wish(body: JsonObject) -> JsonObject:
    """Return a chat as a request for pictures."""
    texts, pictures = _last_words(body.get("messages"))
    wish = {name: body[name] for name in PASSED if name in body}
    return {
        **wish,
        "prompt": "\n".join(texts),
        "response_format": "chat",
        **({"image": pictures} if pictures else {}),
    }


def _last_words(messages: object) -> tuple[list[str], list[Any]]:
    """Return the texts of the last message of a user, and its pictures."""
    said = [each for each in messages if _is_users(each)] if isinstance(messages, list) else []
    content = said[-1].get("content") if said else None
    parts: list[Any] = content if isinstance(content, list) else [{"type": "text", "text": content}]
    known: list[Mapping[str, Any]] = [part for part in parts if isinstance(part, Mapping)]
    texts = [part["text"] for part in known if isinstance(part.get("text"), str)]
    return texts, [part["image_url"] for part in known if part.get("image_url") is not None]


def _is_users(message: object) -> bool:
    return isinstance(message, Mapping) and message.get("role") == "user"
