"""Where handlers find what belongs to the request."""

from __future__ import annotations

from typing import Final

from aiohttp import web

__all__ = ["REQUEST_ID"]

REQUEST_ID: Final = web.RequestKey("openai_request_id", str)
