"""One request to Ark and its answer, bounded in time and in size."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

import aiohttp
import attrs
import orjson

from danqing_plugins import Call, InvalidRequest
from danqing_plugins.kit.waiting import retry_after_of, service_time_s
from danqing_providers.volcengine import texts
from danqing_providers.volcengine.answer import News
from danqing_providers.volcengine.endpoint import Endpoint
from danqing_providers.volcengine.failures import Answered, connection_failures
from danqing_providers.volcengine.reading import Reading
from danqing_providers.volcengine.references import LARGEST_BODY_BYTES

__all__ = ["Exchange"]

CONNECT_TIMEOUT_S: Final = 10.0
LARGEST_PICTURE_BYTES: Final = 64 * 1024 * 1024
LONGEST_REQUEST_ID: Final = 128
QUIET_S: Final = 5.0


@attrs.frozen(kw_only=True)
class Exchange:
    """Sends bodies to one endpoint.

    `timeout_s` is for a whole call, from connecting to the last byte. `picture_bytes` bounds one picture of an
    answer, in base64; `quiet_s` is how long an answer that looks whole is waited on for more.
    """

    session: aiohttp.ClientSession
    endpoint: Endpoint
    timeout_s: float
    picture_bytes: int = LARGEST_PICTURE_BYTES
    quiet_s: float = QUIET_S

    async def send(self, body: Mapping[str, Any], call: Call, pictures: int) -> AsyncGenerator[News, None]:
        """Post *body* and yield what Ark says, as it comes; `Ended` comes last, unless the stream left it out.

        `call.request_id` is set as soon as the answer's headers are here. *pictures* bounds the answer's size.

        Raises:
            PluginError: the call as a whole failed; see `failures`.
        """
        payload = orjson.dumps(body)
        if len(payload) > LARGEST_BODY_BYTES:
            message = texts.REQUEST_TOO_LARGE(count=len(payload), most=LARGEST_BODY_BYTES)
            raise InvalidRequest(message, code="request_too_large")
        with connection_failures():
            response = await self._post(payload, call.id)
        try:
            answered = self._answered(response, body)
            call.request_id = answered.request_id
            reading = Reading(
                response=response,
                answered=answered,
                pictures=pictures,
                picture_bytes=self.picture_bytes,
                quiet_s=self.quiet_s,
            )
            async for news in reading.news():
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
        return Answered(
            status=response.status,
            request_id=_request_id(response.headers),
            retry_after_s=retry_after_of(response.headers),
            now_s=service_time_s(response.headers),
            base_url=str(response.url),
            secret="" if self.endpoint.sandbox else self.endpoint.key,
            prompt=body.get("prompt", ""),
        )


def _request_id(headers: Mapping[str, str]) -> str | None:
    """Return Ark's id of the request, of what can be printed; None when it gave none."""
    raw = headers.get("x-request-id", "").strip()[:LONGEST_REQUEST_ID]
    return "".join(character for character in raw if character.isascii() and character.isprintable()) or None
