"""The application: Ark's routes, the links' and the control routes, and what every answer has in common."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from danqing_providers.arksim.config import Config
from danqing_providers.arksim.control import control_routes
from danqing_providers.arksim.downloads import download_picture
from danqing_providers.arksim.images import generate_images
from danqing_providers.arksim.listing import list_models
from danqing_providers.arksim.refusals import Refusal, answer_refusal, mark_answer
from danqing_providers.arksim.simulator import SIMULATOR, Clock, open_simulator

__all__ = ["create_app"]

_MAX_BODY_BYTES = 64 * 1024 * 1024
_PREFIXES = ("/api/v3", "/api/plan/v3")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(config: Config, clock: Clock = time.time) -> web.Application:
    """Return the application; its data folder is opened when it starts. `clock` returns unix seconds."""

    async def simulator(app: web.Application) -> AsyncIterator[None]:
        async with open_simulator(config, clock) as opened:
            app[SIMULATOR] = opened
            yield

    app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[_refuse])
    app.cleanup_ctx.append(simulator)
    app.on_response_prepare.append(mark_answer)
    app.router.add_get("/ping", _ping)
    for prefix in _PREFIXES:
        app.router.add_post(f"{prefix}/images/generations", generate_images)
        app.router.add_get(f"{prefix}/models", list_models)
    if config.control:
        app.router.add_routes(control_routes())
    app.router.add_route("*", "/{family:[a-z0-9-]+}/{picture:02[0-9a-f]+_[0-9]+[.][a-z]+}", download_picture)
    return app


@web.middleware
async def _refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        return answer_refusal(request, refusal)
    except web.HTTPRequestEntityTooLarge:
        message = f"The request body must not have more than {_MAX_BODY_BYTES} bytes."
        return answer_refusal(request, Refusal(413, "InvalidParameter", message))
    except web.HTTPException as error:
        # Ark's own wording for unknown routes is not on record.
        message = f"The requested path {request.path} does not support this call: {error.reason}."
        return answer_refusal(request, Refusal(error.status, "InvalidAction", message))


async def _ping(_request: web.Request) -> web.Response:
    return web.Response(text="pong")
