"""The pictures' links: `GET /doubao-<family>/<request id>_<index>.<format>?X-Tos-...`."""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

from aiohttp import web

from danqing_providers.sandbox.ark.keys import REQUEST_ID
from danqing_providers.sandbox.ark.links import FILE_PATH, tos_links
from danqing_providers.sandbox.files import Away, send_work
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.links import PREFIX, LinkRefused

__all__ = ["download"]

_XML: Final = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>{}</Message>'
_XML_END: Final = "<RequestId>{}</RequestId><HostId>sandbox</HostId></Error>"
_CODES: Final = {403: "AccessDenied", 404: "NoSuchKey"}


async def download(house: House, request: web.Request) -> web.StreamResponse:
    """Answer a GET of a good link with the picture; anything else on such a path with TOS's XML."""
    path = request.path.removeprefix(request[PREFIX])
    try:
        tos_links(house).check(request.method, path, request.query, house.clock())
    except LinkRefused as refused:
        return _xml(request, 403, refused.code, refused.message)
    form = FILE_PATH.fullmatch(path)
    work = await house.gallery.find(form["name"]) if form else None
    if work is None:
        return _xml(request, 404, "NoSuchKey", "The specified key does not exist.")
    try:
        return await send_work(request, house, work)
    except Away as away:
        code = _CODES.get(away.status, "InternalError")
        return _xml(request, away.status, code, "Injected by the sandbox.")


def _xml(request: web.Request, status: int, code: str, message: str) -> web.Response:
    text = _XML.format(escape(code), escape(message)) + _XML_END.format(request[REQUEST_ID])
    return web.Response(status=status, text=text, content_type="application/xml")
