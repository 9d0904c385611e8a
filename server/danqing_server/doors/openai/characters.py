"""Characters of OpenAI's Videos API: refused, with what can be asked instead.

No service behind this server keeps somebody under an id, to be seen in video after video. Source: openai-python
3.57.0 (`resources/videos.py`: `create_character`, `get_character`), read 2026-11-29.
"""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message, OutputKind
from danqing_server.doors.documentation import described
from danqing_server.doors.openai.calls import offers_of
from danqing_server.doors.openai.reading import wrong
from danqing_server.doors.openai_shapes import OpenAIErrorShape
from danqing_server.errors import NotFound
from danqing_server.http.entry import admit, admit_change
from danqing_server.http.receiving import discard_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get, on_post
from danqing_server.records.tenancy import Scope

__all__ = ["routes"]

NOT_KEPT = Message(
    key="openai_characters_not_kept",
    en="makes no character: no service here keeps any. With each POST /v1/videos send a picture of who is to "
    "be seen as input_reference; models that take one: {able}",
    zh="不能用来创建角色：此处没有服务商保存角色。请在每次 POST /v1/videos 时用 input_reference "
    "附上要出现的人物图片；接受图片的模型：{able}",
)

routes = Blueprint("openai_characters", url_prefix="/v1/videos/characters")


@on_post(routes, "/", needs=Scope.GENERATE)
@described(
    "创建角色（不支持） · Make a character, which is refused",
    {},
    errors=(400,),
    refused_as=OpenAIErrorShape,
)
async def create_character(request: ApiRequest) -> HTTPResponse:
    """Refuse to make a character, and say what can be asked for instead."""
    admitted = admit_change(request)
    await discard_body(request)
    offers = (offer for _, offer in offers_of(admitted.services).names())
    able = {offer.model for offer in offers if offer.info.kind is OutputKind.VIDEO and offer.reference_fields}
    raise wrong("video", NOT_KEPT(able=", ".join(sorted(able))), None)


@on_get(routes, "/<character_id>", needs=Scope.READ)
@described(
    "查询角色（不支持） · Look for a character: there is none",
    {},
    errors=(404,),
    refused_as=OpenAIErrorShape,
)
async def get_character(request: ApiRequest, character_id: str) -> HTTPResponse:
    """Say that there is no such character."""
    admit(request)
    raise NotFound("character", character_id)
