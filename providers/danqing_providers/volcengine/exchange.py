"""One request to Ark and its answer, bounded in time and in size."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import aiohttp
import attrs
import orjson

from danqing_plugins import Call, InvalidRequest, OutcomeUnknown, PluginError
from danqing_providers.volcengine.answer import Ended, Failed, Made, News, Refused, read_event, read_whole
from danqing_providers.volcengine.endpoint import Endpoint
from danqing_providers.volcengine.failures import (
    Answered,
    connection_failures,
    find_error,
    meaning_of,
    retry_after_of,
)
from danqing_providers.volcengine.references import LARGEST_BODY_BYTES
from danqing_providers.volcengine.sse import EventParser, EventTooLarge

__all__ = ["Exchange"]

CONNECT_TIMEOUT_S: Final = 10.0
LARGEST_ENCODED_BYTES: Final = 64 * 1024 * 1024
LARGEST_LINK_BYTES: Final = 64 * 1024
LARGEST_ERROR_BYTES: Final = 256 * 1024
LONGEST_REQUEST_ID: Final = 128


class _TooLarge(Exception):
    """The answer has more bytes than were allowed."""


@attrs.frozen(kw_only=True)
class Exchange:
    """Sends bodies to one endpoint. `timeout_s` is for a whole call, from connecting to the last byte."""

    session: aiohttp.ClientSession
    endpoint: Endpoint
    timeout_s: float

    async def send(self, body: Mapping[str, Any], call: Call, pictures: int) -> AsyncGenerator[News, None]:
        """Post *body* and yield what Ark says, as it comes; `Ended` comes last, unless the stream left it out.

        `call.request_id` is set as soon as the answer's headers are here. *pictures* bounds the answer's size.

        Raises:
            PluginError: the call as a whole failed; see `failures`.
        """
        payload = orjson.dumps(body)
        if len(payload) > LARGEST_BODY_BYTES:
            message = (
                f"the request has {len(payload)} bytes with its reference pictures, at most {LARGEST_BODY_BYTES}"
            )
            raise InvalidRequest(message, code="request_too_large")
        with connection_failures():
            response = await self._post(payload, call.id)
        try:
            answered = self._answered(response, body)
            call.request_id = answered.request_id
            if response.status != 200:
                raise await _refusal(response, answered)
            encoded = body.get("response_format") == "b64_json"
            each_bytes = LARGEST_ENCODED_BYTES if encoded else LARGEST_LINK_BYTES
            if response.content_type == "text/event-stream":
                async for news in _stream(response, answered, each_bytes):
                    yield news
            else:
                for news in read_whole(await _whole(response, answered, each_bytes * (pictures + 1)), answered):
                    yield news
        finally:
            # Closed rather than released: what is left of a broken answer must not meet the next call.
            if not response.content.at_eof():
                response.close()
            response.release()

    async def _post(self, payload: bytes, call_id: str) -> aiohttp.ClientResponse:
        return await self.session.post(
            f"{self.endpoint.base_url}/images/generations",
            data=payload,
            headers={
                "Authorization": f"Bearer {self.endpoint.key}",
                "Content-Type": "application/json",
                "X-Client-Request-Id": call_id,
            },
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=self.timeout_s, sock_connect=CONNECT_TIMEOUT_S),
        )

    def _answered(self, response: aiohttp.ClientResponse, body: Mapping[str, Any]) -> Answered:
        request_id = response.headers.get("x-request-id", "").strip()[:LONGEST_REQUEST_ID]
        now_s = time.time()
        return Answered(
            status=response.status,
            request_id=request_id or None,
            retry_after_s=retry_after_of(response.headers, now_s),
            now_s=now_s,
            secret="" if self.endpoint.sandbox else self.endpoint.key,
            prompt=body.get("prompt", ""),
        )


async def _refusal(response: aiohttp.ClientResponse, answered: Answered) -> PluginError:
    """Return the error of an answer that is not 200; its status counts even when its body breaks off."""
    body = bytearray()
    try:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > LARGEST_ERROR_BYTES:
                break
    except (aiohttp.ClientError, OSError):
        body.clear()
    try:
        error = find_error(orjson.loads(body))
    except orjson.JSONDecodeError:
        error = None
    if error is None:
        return meaning_of("", f"Ark's gateway answered {answered.status} without an error of Ark", answered)
    return meaning_of(*error, answered)


async def _whole(response: aiohttp.ClientResponse, answered: Answered, limit_bytes: int) -> bytes:
    body = bytearray()
    with _reading(answered):
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > limit_bytes:
                raise _TooLarge
    return bytes(body)


async def _stream(response: aiohttp.ClientResponse, answered: Answered, each_bytes: int) -> AsyncIterator[News]:
    """Yield the news of a stream, to its last event or its clean end."""
    parser = EventParser(each_bytes)
    told = 0
    while True:
        with _reading(answered):
            chunk = await response.content.readany()
            events = parser.feed(chunk) if chunk else parser.finish()
        for event in events:
            news = read_event(event, told, answered)
            if news is not None:
                yield news
            if isinstance(news, Ended | Refused):
                return
            told += isinstance(news, Made | Failed)
        if not chunk:
            break


@contextmanager
def _reading(answered: Answered) -> Iterator[None]:
    try:
        with connection_failures(answered.request_id):
            yield
    except (_TooLarge, EventTooLarge) as error:
        message = "Ark's answer is larger than any picture"
        raise OutcomeUnknown(message, code="answer_too_large", request_id=answered.request_id) from error
