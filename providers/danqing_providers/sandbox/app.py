"""The sandbox as an aiohttp application: one house, and the dialects under their prefixes."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from aiohttp import web

from danqing_providers.sandbox import control
from danqing_providers.sandbox.config import BODY_LIMIT_BYTES, SandboxConfig
from danqing_providers.sandbox.dialect import Dialect
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.keys import DIALECT, HOUSE, RECEIVED_S
from danqing_providers.sandbox.mounts import DIALECTS, ROOT_DIALECT, Dialects, Mount
from danqing_providers.sandbox.troubles import Answered, Refusal, Trouble, TroubleKind

__all__ = ["create_app"]

_log = logging.getLogger(__name__)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(
    config: SandboxConfig, *, clock: Callable[[], float] = time.time, dialects: Mapping[str, str] | None = None
) -> web.Application:
    """Return the application.

    *clock* is seconds since the epoch, for links, rates, jobs and times. *dialects* are the modules of dialects
    that are not in the sandbox's folder, by name.

    Raises: ValueError for an `endpoints` entry that names no model.
    """
    app = web.Application(client_max_size=BODY_LIMIT_BYTES, middlewares=[_answer_errors])
    house = app[HOUSE] = House(config, clock)
    mounted = app[DIALECTS] = Dialects(house, dialects)
    app.cleanup_ctx.append(_open_house)
    app.on_response_prepare.append(_add_headers)
    app.add_routes([web.get("/ping", control.ping), web.get("/sandbox", control.describe)])
    if config.control:
        app.add_routes(control.routes())
    for name in mounted.names:
        app.router.register_resource(Mount(mounted, name, f"/{name}"))
    app.router.register_resource(Mount(mounted, ROOT_DIALECT, ""))
    if config.endpoints:
        mounted.load(ROOT_DIALECT)  # so that a mistake in them is told at the start
    return app


async def _open_house(app: web.Application) -> AsyncIterator[None]:
    async with app[HOUSE]:
        yield
        for dialect in app[DIALECTS].loaded.values():
            await dialect.close()


@web.middleware
async def _answer_errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Answer every error in the words of the dialect that was spoken to."""
    request[RECEIVED_S] = time.monotonic()
    dialect = request.get(DIALECT)
    if dialect is None:
        return await handler(request)
    try:
        return await handler(request)
    except ConnectionError:  # the client has gone; aiohttp knows what to do
        raise
    except Answered as answered:
        return answered.response
    except Refusal as refusal:
        return _refused(dialect, request, refusal)
    except web.HTTPException as error:
        return _refused(dialect, request, _translated(request, error))
    except Exception:  # noqa: BLE001 - the server's edge: whatever is wrong with us is the service's internal error
        _log.exception("%s %s failed", request.method, request.path)
        return _refused(dialect, request, Trouble(TroubleKind.INTERNAL))


def _refused(dialect: Dialect, request: web.Request, refusal: Refusal) -> web.Response:
    response = dialect.refuse(request, refusal)
    if isinstance(refusal, Trouble) and refusal.retry_after_s is not None:
        response.headers.setdefault("Retry-After", str(refusal.retry_after_s))
    return response


def _translated(request: web.Request, error: web.HTTPException) -> Trouble:
    if error.status == 413:
        return Trouble(TroubleKind.BODY_TOO_LARGE, param=str(BODY_LIMIT_BYTES))
    if error.status == 405:
        return Trouble(TroubleKind.METHOD_NOT_ALLOWED, param=request.method)
    return Trouble(TroubleKind.ROUTE_NOT_FOUND, param=request.path)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    dialect = request.get(DIALECT)
    if dialect is not None:
        response.headers.update(dialect.headers(request))
