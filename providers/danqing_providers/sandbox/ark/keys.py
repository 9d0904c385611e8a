"""Where Ark's handlers find what belongs to a request."""

from __future__ import annotations

from typing import Final

from aiohttp import web

__all__ = ["CLIENT_REQUEST_ID", "REQUEST_ID"]

REQUEST_ID: Final = web.RequestKey("ark_request_id", str)
CLIENT_REQUEST_ID: Final = web.RequestKey("ark_client_request_id", str)
