"""The body of one answer, read by what it is: never by its `Content-Type`, its length or its status alone.

Ark bills before it answers. So a complete, readable answer is used however it came: as 201, under another media
type, on a connection that ends early. Only one that is cut in the middle, or is none, leaves the outcome open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import aiohttp
import attrs

from danqing_plugins import OutcomeUnknown, PluginError
from danqing_plugins.kit.documents import Form, form_of, looks_whole, read_object
from danqing_plugins.kit.sse import Event, EventParser, EventTooLarge
from danqing_providers.volcengine import texts
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
    unreadable,
)
from danqing_providers.volcengine.failures import Answered, connection_failures, find_error, meaning_of

__all__ = ["Reading"]

LARGEST_OTHER_BYTES: Final = 256 * 1024
REFUSAL_S: Final = 10.0
"""How long the words of a refusal are waited for: its status is known."""


class _TooLarge(Exception):
    """The answer has more bytes than were allowed."""


@attrs.define(eq=False, kw_only=True)
class Reading:
    """Reads *response* once. See `Exchange` for the bounds."""

    response: aiohttp.ClientResponse
    answered: Answered
    pictures: int
    picture_bytes: int
    quiet_s: float

    async def news(self) -> AsyncGenerator[News, None]:
        """Yield what the answer says, as it comes.

        Raises:
            PluginError: it is a refusal, cannot be read, or breaks off before it is complete.
        """
        if not 200 <= self.response.status < 300:
            for news in read_whole(await self._paid_refusal(), self.answered):
                yield news
            return
        beginning, form = await self._begin()
        try:
            if form is Form.STREAM:
                async for news in self._stream(beginning):
                    yield news
            else:
                document = await self._document(beginning, self._most_bytes(form))
                for news in read_whole(document, self.answered):
                    yield news
        except (_TooLarge, EventTooLarge) as error:
            raise self._too_large(form) from error

    def _most_bytes(self, form: Form | None) -> int:
        """Return the most bytes read: pictures may come as bytes where links were asked for."""
        return LARGEST_OTHER_BYTES if form is Form.OTHER else self.picture_bytes * (self.pictures + 1)

    def _too_large(self, form: Form) -> OutcomeUnknown:
        if form is Form.OTHER:
            return unreadable(texts.ANSWER_NO_JSON(), self.answered)
        message = texts.ANSWER_TOO_LARGE(pictures=self.pictures, size=self.picture_bytes)
        return OutcomeUnknown(message, code="answer_too_large", request_id=self.answered.request_id)

    async def _begin(self) -> tuple[bytes, Form]:
        beginning, chunk = b"", b"?"
        while (form := form_of(beginning, ended=not chunk)) is None:
            chunk = await self._next() or b""
            beginning += chunk
        named = form is Form.OTHER and self.response.content_type == "text/event-stream"
        return beginning, Form.STREAM if named else form

    async def _next(self, wait_s: float | None = None) -> bytes | None:
        """Return the next bytes, none at the end; None when there are none for *wait_s* seconds."""
        with connection_failures(self.answered.request_id):
            try:
                async with asyncio.timeout(wait_s) as waiting:
                    return await self.response.content.readany()
            except TimeoutError:
                if not waiting.expired():
                    raise
                return None

    async def _document(self, beginning: bytes, most_bytes: int) -> Mapping[str, Any]:
        """Read one JSON object; what breaks the connection behind its end does no harm."""
        body = bytearray(beginning)
        doubted = False
        while True:
            try:
                chunk = await self._next(self.quiet_s if looks_whole(body) and not doubted else None)
            except OutcomeUnknown:
                document = read_object(body)
                if document is None:
                    raise
                return document
            if not chunk:
                document = read_object(body)
                if document is not None:
                    return document
                if chunk is not None:
                    raise unreadable(texts.ANSWER_NO_OBJECT(), self.answered)
            doubted = chunk is None
            body += chunk or b""
            if len(body) > most_bytes:
                raise _TooLarge

    async def _stream(self, beginning: bytes) -> AsyncIterator[News]:
        """Yield the news of a stream, to its end. When it breaks off, an event that is whole still counts."""
        parser = EventParser(self.picture_bytes)
        told = 0
        chunk: bytes | None = beginning
        failure: OutcomeUnknown | None = None
        while True:
            for news in self._read(parser.feed(chunk) if chunk else parser.finish(), told):
                if failure is not None and isinstance(news, Unread):
                    continue
                yield news
                if isinstance(news, Ended | Refused):
                    return
                told += 1
            if failure is not None:
                raise failure
            if not chunk:
                return
            try:
                chunk = await self._next()
            except OutcomeUnknown as error:
                chunk, failure = b"", error

    def _read(self, events: Iterable[Event], told: int) -> Iterator[News]:
        for event in events:
            for news in read_event(event, told, self.answered):
                yield news
                told += isinstance(news, Made | Failed | Unread)

    async def _paid_refusal(self) -> Mapping[str, Any]:
        """Return the document of an answer that is refused by its status and holds pictures all the same.

        Raises:
            PluginError: it holds none, as is the rule; what it says.
        """
        said = await self._said()
        for document in said:
            if (error := find_error(document)) is not None:
                raise meaning_of(*error, self.answered)
        for document in said:
            if has_pictures(document, self.answered):
                return document
        raise self._silent_refusal()

    def _silent_refusal(self) -> PluginError:
        status = self.answered.status
        return meaning_of("", texts.GATEWAY_SILENT(status=status), self.answered)

    async def _said(self) -> list[Mapping[str, Any]]:
        """Return the objects of a refusal; its status counts even when its body breaks off or does not come."""
        body = bytearray()
        with suppress(aiohttp.ClientError, OSError):
            async with asyncio.timeout(REFUSAL_S):
                async for chunk in self.response.content.iter_any():
                    body += chunk
                    if len(body) > self._most_bytes(form_of(bytes(body[:64]), ended=True)):
                        break
        texts: list[bytearray | str] = [body]
        if form_of(bytes(body), ended=True) is Form.STREAM:
            parser = EventParser(LARGEST_OTHER_BYTES)
            with suppress(EventTooLarge):
                texts = [event.data for event in [*parser.feed(bytes(body)), *parser.finish()]]
        return [found for text in texts if (found := read_object(text)) is not None]
