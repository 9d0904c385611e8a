"""The body of one answer, read by what it is: never by its `Content-Type`, its length or its status alone.

A service bills before it answers. So a complete, readable answer is used however it came: as 201, under another
media type, on a connection that ends early. Only one that is cut in the middle, or is none, leaves the outcome
open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any, Final

import aiohttp
import attrs

from danqing_plugins.errors import PluginError
from danqing_plugins.kit import texts
from danqing_plugins.kit.documents import Form, form_of, looks_whole, read_object, read_values
from danqing_plugins.kit.failures import Answered, Complaint, Failures, connection_failures
from danqing_plugins.kit.sse import Event, EventParser, EventTooLarge
from danqing_plugins.messages import Message, Text

__all__ = ["Answer", "Reply"]

LARGEST_OTHER_BYTES: Final = 256 * 1024
LONGEST_PLAIN_TEXT: Final = 500
REFUSAL_S: Final = 10.0
"""How long the words of a refusal are waited for: its status is known."""

DONE: Final = "[DONE]"


class _TooLarge(Exception):
    """The answer has more bytes than were allowed."""


@attrs.frozen
class Answer:
    """A whole answer: the JSON object it is, and what came around it."""

    document: Mapping[str, Any] = attrs.field(repr=False)
    answered: Answered

    @property
    def request_id(self) -> str | None:
        """The service's id of the request, None when it gave none."""
        return self.answered.request_id


@attrs.define(eq=False, kw_only=True)
class Reply:
    """An answer whose headers are here and whose body is still to be read, once.

    `most_bytes` bounds the body, `event_bytes` one event of a stream; `quiet_s` is how long an answer that looks
    whole is waited on for more.
    """

    response: aiohttp.ClientResponse
    answered: Answered
    failures: Failures
    most_bytes: int
    event_bytes: int
    quiet_s: float
    _begun: bytes | None = attrs.field(default=None, init=False, repr=False)

    @property
    def accepted(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.response.status < 300

    async def answer(self, *, may_be_empty: bool = False) -> Answer:
        """Return the whole answer.

        Raises:
            PluginError: it is a refusal, complains inside a 2xx, cannot be read, or breaks off.
        """
        if not self.accepted:
            raise await self.refusal()
        document = await self.document(may_be_empty=may_be_empty)
        complaint = self.failures.find(document, refused=False)
        if complaint is not None:
            raise self.failures.meaning_of(complaint, self.answered)
        return Answer(document, self.answered.naming(document))

    async def form(self) -> Form:
        """Say what the body is, by its beginning."""
        beginning, chunk = self._begun or b"", b"?"
        while (form := form_of(beginning, ended=not chunk)) is None:
            chunk = await self._next() or b""
            beginning += chunk
        self._begun = beginning
        named = form is Form.OTHER and self.response.content_type == "text/event-stream"
        return Form.STREAM if named else form

    async def document(self, *, may_be_empty: bool = False) -> Mapping[str, Any]:
        """Read one JSON object; what breaks the connection behind its end does no harm.

        Raises:
            PluginError: it is none, too large, or breaks off.
        """
        other = await self.form() is Form.OTHER
        try:
            return await self._document(
                min(self.most_bytes, LARGEST_OTHER_BYTES) if other else self.most_bytes, may_be_empty
            )
        except _TooLarge as error:
            if other:
                raise self.failures.unreadable(self._told(texts.ANSWER_NO_JSON), self.answered) from error
            raise self._too_large(self.most_bytes) from error

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield the events of a stream, to its end. When it breaks off, an event that is whole still counts.

        Raises:
            PluginError: it broke off, or an event is too large.
        """
        parser = EventParser(self.event_bytes)
        await self.form()
        chunk: bytes | None = self._begun
        while chunk:
            try:
                events = parser.feed(chunk)
            except EventTooLarge as error:
                raise self._too_large(self.event_bytes) from error
            for event in events:
                yield event
            try:
                chunk = await self._next()
            except PluginError:
                for event in parser.finish():
                    if event.data.strip() == DONE or read_object(event.data) is not None:
                        yield event
                raise
        for event in parser.finish():
            yield event

    async def body(self) -> bytes:
        """Return the whole body as it is, of a service that answers with the output itself.

        Raises:
            PluginError: it is a refusal, too large, or breaks off.
        """
        if not self.accepted:
            raise await self.refusal()
        body = bytearray(self._begun or b"")
        while chunk := await self._next():
            body += chunk
            if len(body) > self.most_bytes:
                raise self._too_large(self.most_bytes)
        return bytes(body)

    async def refusal(self) -> PluginError:
        """Return what an answer means that is refused by its status."""
        for value in await self.said():
            complaint: Complaint | None = self.failures.find(value, refused=True)
            if complaint is not None:
                return self.failures.meaning_of(complaint, self.answered)
        return self.failures.silent(self.answered)

    async def said(self) -> list[Any]:
        """Return the JSON values of a refusal; its status counts even when its body breaks off or does not come."""
        body = await self._refused_body()
        if form_of(body, ended=True) is Form.STREAM:
            parser = EventParser(LARGEST_OTHER_BYTES)
            with suppress(EventTooLarge):
                events = [*parser.feed(body), *parser.finish()]
                return [found for event in events if (found := read_object(event.data)) is not None]
        values = read_values(body)
        if not values and self.response.content_type == "text/plain" and len(body) <= LONGEST_PLAIN_TEXT:
            return [body.decode("utf-8", "replace").strip()]
        return values

    async def _refused_body(self) -> bytes:
        body = bytearray()
        with suppress(aiohttp.ClientError, OSError):
            async with asyncio.timeout(REFUSAL_S):
                async for chunk in self.response.content.iter_any():
                    body += chunk
                    other = form_of(bytes(body[:64]), ended=True) is Form.OTHER
                    if len(body) > (LARGEST_OTHER_BYTES if other else self.most_bytes):
                        break
        return bytes(body)

    async def _document(self, most_bytes: int, may_be_empty: bool) -> Mapping[str, Any]:
        body = bytearray(self._begun or b"")
        doubted = False
        while True:
            if len(body) > most_bytes:
                raise _TooLarge
            try:
                chunk = await self._next(self.quiet_s if looks_whole(body) and not doubted else None)
            except PluginError:
                document = read_object(body)
                if document is None:
                    raise
                return document
            if not chunk:
                document = read_object(body)
                if document is not None:
                    return document
                if chunk is not None:
                    if may_be_empty and not body.strip():
                        return {}
                    raise self.failures.unreadable(self._told(texts.ANSWER_NO_OBJECT), self.answered)
            doubted = chunk is None
            body += chunk or b""

    async def _next(self, wait_s: float | None = None) -> bytes | None:
        """Return the next bytes, none at the end; None when there are none for *wait_s* seconds."""
        answered = self.answered
        with connection_failures(self.failures.service, request_id=answered.request_id, paid=answered.paid):
            waiting = asyncio.timeout(wait_s)
            try:
                async with waiting:
                    return await self.response.content.readany()
            except TimeoutError:
                if not waiting.expired():
                    raise
                return None

    def _too_large(self, most: int) -> PluginError:
        message = texts.ANSWER_TOO_LARGE(service=self.failures.service, most=most)
        return self.failures.unreadable(message, self.answered, code="answer_too_large")

    def _told(self, message: Message) -> Text:
        return message(service=self.failures.service)
