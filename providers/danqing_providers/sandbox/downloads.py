"""The pictures' links: `GET /doubao-<family>/<request id>_<index>.<format>?X-Tos-...`."""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

from aiohttp import web

from danqing_providers.sandbox.faults import ON_DOWNLOAD, Fault, FaultKind
from danqing_providers.sandbox.gallery import Picture
from danqing_providers.sandbox.keys import REQUEST_ID, STUDIO
from danqing_providers.sandbox.links import PICTURE_PATH, LinkRefused
from danqing_providers.sandbox.mischief import page, send_slowly, send_truncated
from danqing_providers.sandbox.studio import Studio

__all__ = ["download"]

_XML: Final = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>{}</Message>'
_XML_END: Final = "<RequestId>{}</RequestId><HostId>sandbox</HostId></Error>"
_PIECES: Final = 20
_CODES: Final = {403: "AccessDenied", 404: "NoSuchKey"}


async def download(request: web.Request) -> web.StreamResponse:
    """Answer a GET of a good link with the picture; anything else on such a path with TOS's XML."""
    studio = request.app[STUDIO]
    try:
        studio.links.check(request.method, request.path, request.query, studio.clock())
    except LinkRefused as refused:
        return _xml(request, 403, refused.code, refused.message)
    form = PICTURE_PATH.fullmatch(request.path)
    picture = await studio.gallery.find(form["name"]) if form else None
    if picture is None:
        return _xml(request, 404, "NoSuchKey", "The specified key does not exist.")
    studio.counters["downloads"] += 1
    if (away := _away(studio, picture)) is not None:
        return _xml(request, away, _CODES.get(away, "InternalError"), "Injected by the sandbox.")
    fault = studio.strike(ON_DOWNLOAD, picture.prompt, {picture.model}, image_index=picture.index, stage="download")
    if fault is not None and fault.kind is FaultKind.DOWNLOAD_STATUS:
        return _xml(request, fault.status, _CODES.get(fault.status, "InternalError"), "Injected by the sandbox.")
    return await _send(request, picture, await studio.gallery.bytes_of(picture), fault)


def _away(studio: Studio, picture: Picture) -> int | None:
    """Return the status of a link that does not work at the age that it has, None for one that does."""
    age_s = studio.clock() - picture.made_s
    for kind in (FaultKind.DOWNLOAD_LATE, FaultKind.DOWNLOAD_DIES):
        fault = studio.strike({kind}, picture.prompt, {picture.model}, image_index=picture.index)
        if fault is not None and (age_s < fault.seconds) is (kind is FaultKind.DOWNLOAD_LATE):
            return fault.status
    return None


async def _send(request: web.Request, picture: Picture, content: bytes, fault: Fault | None) -> web.StreamResponse:
    if fault is None:
        return web.Response(body=content, content_type=picture.content_type)
    if fault.kind is FaultKind.DOWNLOAD_TRUNCATE:
        return await send_truncated(request, content, picture.content_type)
    if fault.kind is FaultKind.DOWNLOAD_HTML:
        return web.Response(text=page(200), content_type="text/html")
    if fault.kind is FaultKind.DOWNLOAD_TRICKLE:
        piece = len(content) // _PIECES + 1
        pause_s = fault.seconds / _PIECES
        return await send_slowly(request, content, picture.content_type, pause_s, piece_bytes=piece)
    return await send_slowly(request, content, picture.content_type, fault.seconds)


def _xml(request: web.Request, status: int, code: str, message: str) -> web.Response:
    text = _XML.format(escape(code), escape(message)) + _XML_END.format(request[REQUEST_ID])
    return web.Response(status=status, text=text, content_type="application/xml")
