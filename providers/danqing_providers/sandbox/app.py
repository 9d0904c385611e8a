"""The sandbox as an aiohttp application."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import orjson
from aiohttp import web

from danqing_providers.sandbox import control
from danqing_providers.sandbox.ark import errors
from danqing_providers.sandbox.ark.errors import ArkError, error_body, new_request_id
from danqing_providers.sandbox.ark.images import generate
from danqing_providers.sandbox.config import BODY_LIMIT_BYTES, SandboxConfig
from danqing_providers.sandbox.downloads import download
from danqing_providers.sandbox.keys import CLIENT_REQUEST_ID, RECEIVED_S, REQUEST_ID, STUDIO
from danqing_providers.sandbox.studio import Studio

__all__ = ["create_app"]

_log = logging.getLogger(__name__)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_API: Final = "/api/v3"


def create_app(config: SandboxConfig, *, clock: Callable[[], float] = time.time) -> web.Application:
    """Return the application; *clock* is seconds since the epoch, for links, rates and times.

    Raises: ValueError for an `endpoints` entry that names no model.
    """
    app = web.Application(client_max_size=BODY_LIMIT_BYTES, middlewares=[_answer_errors])
    app[STUDIO] = Studio(config, clock)
    app.cleanup_ctx.append(_open_studio)
    app.on_response_prepare.append(_add_headers)
    app.add_routes(
        [
            web.post(f"{_API}/images/generations", generate),
            web.get(f"{_API}/models", control.list_models),
            web.get("/ping", control.ping),
            web.get("/sandbox", control.describe),
            web.route("*", r"/doubao-{folder:[a-z0-9-]+}/{name:[0-9a-f]+_\d+\.(?:jpeg|png)}", download),
        ]
    )
    if config.control:
        app.add_routes(control.routes())
    return app


async def _open_studio(app: web.Application) -> AsyncIterator[None]:
    async with app[STUDIO]:
        yield


@web.middleware
async def _answer_errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Give the request its ids, and answer every error in Ark's form."""
    clock = request.app[STUDIO].clock
    request[RECEIVED_S] = time.monotonic()
    request[REQUEST_ID] = new_request_id(clock())
    request[CLIENT_REQUEST_ID] = request.headers.get("X-Client-Request-Id") or f"unknown-{secrets.token_hex(10)}"
    try:
        return await handler(request)
    except ConnectionError:  # the client has gone; aiohttp knows what to do
        raise
    except ArkError as error:
        return _error(request, error)
    except web.HTTPException as error:
        return _error(request, _translated(request, error))
    except Exception:  # noqa: BLE001 - the server's edge: whatever is wrong with us is Ark's internal error
        _log.exception("request %s failed", request[REQUEST_ID])
        return _error(request, errors.internal_error())


def _error(request: web.Request, error: ArkError) -> web.Response:
    body = orjson.dumps(error_body(error, request[REQUEST_ID]))
    return web.Response(body=body, status=error.status, content_type="application/json")


def _translated(request: web.Request, error: web.HTTPException) -> ArkError:
    if error.status == 413:
        return errors.body_too_large(BODY_LIMIT_BYTES)
    if error.status == 405:
        return errors.method_not_allowed(request.method)
    return errors.route_not_found(request.path)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    if REQUEST_ID not in request:
        return
    took_ms = round((time.monotonic() - request[RECEIVED_S]) * 1000)
    response.headers["Server"] = "istio-envoy"
    response.headers["X-Request-Id"] = request[REQUEST_ID]
    response.headers["X-Client-Request-Id"] = request[CLIENT_REQUEST_ID]
    response.headers["X-Envoy-Upstream-Service-Time"] = str(took_ms)
