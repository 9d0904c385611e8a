"""The metrics of this server: `GET /metrics`, for Prometheus.

Without a token they are for this machine alone. A proxy on it makes the whole world come from loopback: whoever
comes through one is told by what proxies add, or by the name it asks for, and refused.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.access.credentials import secret_of
from danqing_server.errors import Forbidden, Unauthenticated
from danqing_server.http.hosts import PORT, is_loopback
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get
from danqing_server.settings.server import Settings

if TYPE_CHECKING:
    from danqing_server.telemetry.scrape import Scrape

__all__ = ["routes"]

PROXIED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
NO_STORE = {"cache-control": "no-store"}

FROM_HERE_ONLY = Message(
    key="metrics.from_here_only",
    en="metrics are shown to this machine alone; DANQING_METRICS_TOKEN lets others in",
    zh="指标仅对本机开放；设置 DANQING_METRICS_TOKEN 后其他机器可凭令牌访问",
)

routes = Blueprint("metrics")


@on_get(routes, "/metrics", public=True)
async def get_metrics(request: ApiRequest) -> HTTPResponse:
    """Show what all processes of this server counted, and how things are."""
    _let_in(request)
    scrape: Scrape = request.app.ctx.scrape
    found = await scrape.expose(request.headers.get("accept") or "")
    return HTTPResponse(found.body, headers=NO_STORE, content_type=found.media_type)


def _let_in(request: ApiRequest) -> None:
    """Raise Unauthenticated without the token, where there is one, else Forbidden for who comes from elsewhere."""
    settings: Settings = request.app.ctx.settings
    wanted = settings.metrics_token
    if wanted is not None:
        sent = secret_of(request.headers)
        if not compare_digest(sent.encode("utf-8", "surrogateescape"), wanted.encode()):
            raise Unauthenticated("the token of the metrics is wrong")
    elif not _is_from_here(request):
        raise Forbidden(FROM_HERE_ONLY())


def _is_from_here(request: ApiRequest) -> bool:
    """Tell whether who asks is on this machine, and called it by such a name."""
    if any(name in request.headers for name in PROXIED):
        return False
    host = PORT.sub("", (request.headers.get("host") or "localhost").lower())
    peer = request.ip.removeprefix("::ffff:")
    return (peer == "::1" or is_loopback(peer)) and is_loopback(host)
