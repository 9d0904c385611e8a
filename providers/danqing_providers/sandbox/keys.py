"""Where handlers find what belongs to the application and to the request."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from danqing_providers.sandbox.studio import Studio

__all__ = ["CLIENT_REQUEST_ID", "RECEIVED_S", "REQUEST_ID", "STUDIO"]

STUDIO: Final = web.AppKey("studio", Studio)
REQUEST_ID: Final = web.RequestKey("request_id", str)
CLIENT_REQUEST_ID: Final = web.RequestKey("client_request_id", str)
RECEIVED_S: Final = web.RequestKey("received_s", float)
