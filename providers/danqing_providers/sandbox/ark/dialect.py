"""Ark as a dialect: its paths, its ids, and its form of an error.

Source: volcengine.com/docs/82379/1541523 and recorded answers of 2026-08 and 2026-09; read 2026-11-23.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

import orjson
from aiohttp import web

from danqing_providers.sandbox.ark import chat, models
from danqing_providers.sandbox.ark.downloads import download
from danqing_providers.sandbox.ark.errors import ArkError, error_body, internal_error, new_request_id, worded
from danqing_providers.sandbox.ark.images import generate
from danqing_providers.sandbox.ark.keys import CLIENT_REQUEST_ID, REQUEST_ID
from danqing_providers.sandbox.ark.studio import Studio
from danqing_providers.sandbox.ark.video.tasks import VideoTasks
from danqing_providers.sandbox.dialect import Dialect
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.keys import RECEIVED_S
from danqing_providers.sandbox.troubles import Refusal, Trouble

__all__ = ["Ark", "create"]

_API: Final = "/api/v3"
_FILES: Final = r"/doubao-{folder:[a-z0-9-]+}/{name:[0-9a-z_-]+\.(?:jpeg|png|mp4|mov)}"


def create(house: House) -> Dialect:
    """Return the dialect. Raises: ValueError for an `endpoints` entry that names no model."""
    return Ark(house)


class Ark(Dialect):
    """Volcengine Ark, version 3 of its API."""

    name = "ark"

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._studio = Studio(house)
        self._videos = VideoTasks(self._studio)

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the API's paths, and that of the pictures' links."""
        return [
            web.post(f"{_API}/images/generations", partial(generate, self._studio)),
            web.post(f"{_API}/chat/completions", partial(chat.complete, self._studio)),
            *self._videos.routes(f"{_API}/contents/generations/tasks"),
            web.get(f"{_API}/models", partial(models.list_models, self._studio, self._videos.catalogue)),
            web.route("*", _FILES, partial(download, self.house)),
        ]

    def receive(self, request: web.Request) -> None:
        """Give *request* Ark's id, and keep the client's."""
        request[REQUEST_ID] = new_request_id(self.house.clock())
        client_id = request.headers.get("X-Client-Request-Id")
        request[CLIENT_REQUEST_ID] = client_id or f"unknown-{secrets.token_hex(10)}"

    def headers(self, request: web.Request) -> Mapping[str, str]:
        """Return the ids, and what the gateway says of itself."""
        took_ms = round((time.monotonic() - request[RECEIVED_S]) * 1000)
        return {
            "Server": "istio-envoy",
            "X-Request-Id": request[REQUEST_ID],
            "X-Client-Request-Id": request[CLIENT_REQUEST_ID],
            "X-Envoy-Upstream-Service-Time": str(took_ms),
        }

    def refuse(self, request: web.Request, refusal: Refusal) -> web.Response:
        """Return the JSON object of Ark's errors."""
        unwrapped = isinstance(refusal, Trouble) and refusal.unwrapped
        error = worded(refusal) if isinstance(refusal, Trouble) else refusal
        if not isinstance(error, ArkError):
            error = internal_error()
        body = orjson.dumps(error_body(error, request[REQUEST_ID], unwrapped=unwrapped))
        return web.Response(body=body, status=error.status, content_type="application/json")

    def describe(self) -> Mapping[str, Any]:
        """Return the models and the limits."""
        return models.describe(self._studio)
