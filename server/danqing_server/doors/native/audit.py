"""What administrators did."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.doors.access_shapes import MOST_ENTRIES, AuditListShape
from danqing_server.doors.access_views import audit_view
from danqing_server.doors.documentation import CURSOR, Answer, described
from danqing_server.http.answers import success
from danqing_server.http.entry import admit
from danqing_server.http.messages import language_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get
from danqing_server.records.tenancy import Scope

__all__ = ["routes"]

LISTED = Message(key="audit.listed", zh="获取审计日志成功", en="Audit log")

routes = Blueprint("audit", url_prefix="/api/v1/audit")


@on_get(routes, "/", needs=Scope.ADMIN)
@described(
    "审计日志 · Audit log",
    {200: Answer(description="获取审计日志成功", shape=AuditListShape)},
    parameters=[CURSOR],
)
async def list_audit(request: ApiRequest) -> HTTPResponse:
    """List what administrators did, newest first, a hundred at a time."""
    services, _ = admit(request)
    found = await services.administration.audit.list(limit=MOST_ENTRIES + 1, before=request.args.get("cursor"))
    shown = found[:MOST_ENTRIES]
    data: AuditListShape = {
        "entries": [audit_view(each) for each in shown],
        "next_cursor": shown[-1].id if len(found) > MOST_ENTRIES else None,
    }
    return success(data, LISTED.to(language_of(request.headers)))
