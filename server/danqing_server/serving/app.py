"""The Sanic application: its settings, its routes, its edge."""

from __future__ import annotations

import resource
from socket import IPPROTO_TCP, TCP_NOTSENT_LOWAT, socket
from types import SimpleNamespace
from typing import Any

from sanic import Sanic
from sanic.config import Config

from danqing_server.codec.bodies import dump_json
from danqing_server.doors import docs_pages, studio_pages
from danqing_server.doors.a1111 import images as a1111_images
from danqing_server.doors.a1111 import menus as a1111_menus
from danqing_server.doors.a1111 import refusing as a1111
from danqing_server.doors.ark import images as ark_images
from danqing_server.doors.ark import listing as ark_listing
from danqing_server.doors.ark import refusing as ark
from danqing_server.doors.ark import videos as ark_videos
from danqing_server.doors.legacy import images, users
from danqing_server.doors.native import (
    api_keys,
    audit,
    batches,
    bulk,
    checks,
    condition,
    events,
    gallery,
    health,
    lanes,
    lists,
    metrics,
    pictures,
    projects,
    providers,
    queue,
    root,
    sessions,
    statistics,
    tasks,
    uploads,
    usage,
    webhooks,
)
from danqing_server.doors.openai import characters as openai_characters
from danqing_server.doors.openai import chat as openai_chat
from danqing_server.doors.openai import images as openai_images
from danqing_server.doors.openai import models as openai_models
from danqing_server.doors.openai import videos as openai_videos
from danqing_server.doors.openai.refusing import DOOR
from danqing_server.http.connection import Connection
from danqing_server.http.doors import Doors
from danqing_server.http.downloads import UNSENT_BYTES, Downloads
from danqing_server.http.edge import Edge
from danqing_server.http.hosts import Hosts
from danqing_server.http.limits import BodyBudget
from danqing_server.http.origins import Origins
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import declared_routes
from danqing_server.ids import new_token
from danqing_server.settings.server import Settings

__all__ = ["create_app", "fit", "listen"]

_DOORS = (
    a1111_images,
    a1111_menus,
    ark_images,
    ark_videos,
    ark_listing,
    openai_characters,
    openai_chat,
    openai_images,
    openai_models,
    openai_videos,
    root,
    images,
    lists,
    batches,
    bulk,
    checks,
    tasks,
    users,
    pictures,
    gallery,
    uploads,
    providers,
    condition,
    queue,
    lanes,
    projects,
    api_keys,
    audit,
    webhooks,
    usage,
    statistics,
    events,
)  # a line for each, so that two who add one do not meet

LARGEST_HEAD_BYTES = 16 * 1024
HEARTBEAT_S = 15.0  # of event streams: proxies cut after 30 s or 60 s of silence
KEEP_ALIVE_S = 75
REQUEST_TIMEOUT_S = 20  # for a whole head
RESPONSE_TIMEOUT_S = 60
BODY_STEP_S = 15.0  # 17 KiB/s
UNREAD_S = 30.0  # until an answer that nobody reads is given up
MOST_CONVERSIONS = 16  # pictures that are in memory, whole, until who wants them in another format has read them
LARGEST_NUMBER_OF_CONNECTIONS = 100_000
LISTEN_BACKLOG = 4096  # the supervisor's; Sanic's own default would lower it


def create_app(settings: Settings) -> Sanic[Any, Any]:
    """Return an application whose `ctx.services` is still to be set, before it serves.

    In the role `worker` it answers `/health` and `/metrics` only.

    Raises TypeError for a route that says not who may call it.
    """
    app: Sanic[Any, Any] = Sanic(
        f"danqing-{new_token(5)}",  # Sanic wants a new name for every application of a process
        config=Config(env_prefix=None),
        error_handler=Edge(Doors((DOOR, ark.DOOR, a1111.DOOR))),
        request_class=ApiRequest,
        dumps=dump_json,
        configure_logging=False,
    )
    app.blueprint(health.routes)
    if settings.metrics:
        app.blueprint(metrics.routes)
    if settings.serves_api:
        for module in _DOORS:
            app.blueprint(module.routes)
        app.blueprint(docs_pages.routes)
        app.blueprint(docs_pages.document_routes)
        if settings.studio:
            app.blueprint(sessions.routes)
            app.blueprint(studio_pages.routes)
    declared_routes(app)
    fit(app, settings)
    return app


def fit(app: Sanic[Any, Any], settings: Settings) -> None:
    """Have *app* go by *settings*, which ask for the routes that it has; nothing is shared with what it was."""
    app.config.update(_bounds(settings))
    app.ctx = _shared(settings)


async def listen(app: Sanic[Any, Any], listening: socket) -> Any:
    """Return a server, Sanic's own untyped one, that takes connections on *listening* once it is started."""
    # Its connections inherit it. Source: Linux tcp(7), read 2026-11-28; macOS has it, too.
    listening.setsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    return await app.create_server(
        sock=listening,
        return_asyncio_server=True,
        access_log=False,
        backlog=LISTEN_BACKLOG,
        protocol=Connection,
    )


def _bounds(settings: Settings) -> dict[str, Any]:
    """Return Sanic's own settings, and those that our connections look for beside them."""
    return {
        "ACCESS_LOG": False,
        "BODY_STEP_S": BODY_STEP_S,
        "AUTO_EXTEND": False,
        "FALLBACK_ERROR_FORMAT": "json",
        "HEARTBEAT_S": HEARTBEAT_S,
        "KEEP_ALIVE_TIMEOUT": KEEP_ALIVE_S,
        "MOTD": False,
        "REQUEST_MAX_HEADER_SIZE": LARGEST_HEAD_BYTES,
        "REQUEST_MAX_SIZE": _largest_body_bytes(settings),
        "REQUEST_TIMEOUT": REQUEST_TIMEOUT_S,
        "RESPONSE_TIMEOUT": RESPONSE_TIMEOUT_S,
        "UNREAD_S": UNREAD_S,
    }


def _shared(settings: Settings) -> SimpleNamespace:
    """Return what requests share beside the services."""
    return SimpleNamespace(
        settings=settings,
        hosts=Hosts.of(settings),
        origins=Origins.of(settings),
        most_connections=_most_connections(),
        downloads=Downloads(settings.max_downloads),
        conversions=Downloads(MOST_CONVERSIONS),
        body_budget=_body_budget(settings),
        health=health.new_round(),
        meters=None,
        document=docs_pages.OpenApiDocument(),
        studio=studio_pages.StudioFolder(),
    )


def _largest_body_bytes(settings: Settings) -> int:
    return min(settings.max_body_bytes, settings.max_body_bytes_in_flight)


def _body_budget(settings: Settings) -> BodyBudget:
    """Return the bound on bodies: half of it for one caller, and at least one body of the largest size."""
    half = settings.max_body_bytes_in_flight // 2
    return BodyBudget(settings.max_body_bytes_in_flight, max(half, _largest_body_bytes(settings)))


def _most_connections() -> int:
    """Return how many clients may be connected: what the system lets us open, less what we need ourselves."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return LARGEST_NUMBER_OF_CONNECTIONS if most == resource.RLIM_INFINITY else most * 3 // 4
