"""The body of one answer of Ark: a document, a stream of events, or a refusal that may hold pictures."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from danqing_plugins.kit.documents import Form
from danqing_plugins.kit.reading import Reply
from danqing_providers.volcengine.answer import (
    Ended,
    Failed,
    Made,
    News,
    Refused,
    Unread,
    has_pictures,
    read_event,
    read_whole,
)
from danqing_providers.volcengine.failures import FAILURES, find_error

__all__ = ["news_of"]


async def news_of(reply: Reply) -> AsyncGenerator[News, None]:
    """Yield what the answer says, as it comes.

    Raises:
        PluginError: it is a refusal, cannot be read, or breaks off before it is complete.
    """
    if not reply.accepted:
        for news in read_whole(await _paid_refusal(reply), reply.answered):
            yield news
    elif await reply.form() is Form.STREAM:
        async for news in _stream(reply):
            yield news
    else:
        for news in read_whole(await reply.document(), reply.answered):
            yield news


async def _stream(reply: Reply) -> AsyncGenerator[News, None]:
    told = 0
    async with aclosing(reply.events()) as events:
        async for event in events:
            for news in read_event(event, told, reply.answered):
                yield news
                if isinstance(news, Ended | Refused):
                    return
                told += isinstance(news, Made | Failed | Unread)


async def _paid_refusal(reply: Reply) -> Mapping[str, Any]:
    """Return the document of an answer that is refused by its status and holds pictures all the same.

    Raises:
        PluginError: it holds none, as is the rule; what it says.
    """
    said: list[Mapping[str, Any]] = [each for each in await reply.said() if isinstance(each, Mapping)]
    for document in said:
        if (complaint := find_error(document)) is not None:
            raise FAILURES.meaning_of(complaint, reply.answered)
    for document in said:
        if has_pictures(document, reply.answered):
            return document
    raise FAILURES.silent(reply.answered)
