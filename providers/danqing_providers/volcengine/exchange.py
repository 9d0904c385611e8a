"""One request for pictures to Ark, and what its answer says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

import aiohttp
import attrs

from danqing_plugins import Call
from danqing_plugins.kit.http import Service
from danqing_providers.volcengine.answer import News
from danqing_providers.volcengine.endpoint import Endpoint
from danqing_providers.volcengine.reading import news_of
from danqing_providers.volcengine.service import service_at

__all__ = ["Exchange"]

LARGEST_PICTURE_BYTES: Final = 64 * 1024 * 1024
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
        async with self._service.open(
            self.session,
            "POST",
            "/images/generations",
            body=body,
            call=call,
            prompt=body.get("prompt", ""),
            most_bytes=self.picture_bytes * (pictures + 1),
        ) as reply:
            async for news in news_of(reply):
                yield news

    @property
    def _service(self) -> Service:
        service = service_at(self.endpoint, self.timeout_s)
        return attrs.evolve(service, event_bytes=self.picture_bytes, quiet_s=self.quiet_s)
