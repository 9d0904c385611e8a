"""`GET` of a signed link: the picture is painted when it is fetched, the same bytes every time."""

from __future__ import annotations

import asyncio
from xml.sax.saxutils import escape

from aiohttp import web

from danqing_providers.arksim.delivery import send
from danqing_providers.arksim.links import LinkRefused
from danqing_providers.arksim.refusals import request_id_of
from danqing_providers.arksim.simulator import SIMULATOR

__all__ = ["download_picture"]


async def download_picture(request: web.Request) -> web.StreamResponse:
    """Send one picture, or the object storage's error: 403 for HEAD and for a forged or expired link."""
    simulator = request.app[SIMULATOR]
    try:
        picture = simulator.links.check(request.method, request.path, request.query)
    except LinkRefused as refused:
        return _refuse(request, 403, refused.code, refused.message)
    recipe = await asyncio.to_thread(simulator.recipes.read, picture.request_id)
    if recipe is None:
        return _refuse(request, 404, "NoSuchKey", "The specified key does not exist.")
    fault = None
    if simulator.config.control:
        plan = simulator.faults.take_for_download(recipe.prompt, recipe.model, picture.index)
        status = plan.first("download_status")
        if status is not None:
            return _refuse(
                request, status.status or 503, status.code or "ServiceUnavailable", status.message or "Slow down."
            )
        fault = plan.first("download_truncate", "download_slow")
    data = await simulator.paint(recipe, picture.index)
    return await send(request, data, f"image/{recipe.format}", fault)


def _refuse(request: web.Request, status: int, code: str, message: str) -> web.Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"<RequestId>{request_id_of(request)}</RequestId><HostId>arksim</HostId></Error>"
    )
    return web.Response(status=status, text=body, content_type="application/xml")
