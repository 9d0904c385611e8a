"""The files of all dialects: `GET /<dialect>/files/<name>.<form>?expires=...&signature=...`.

A dialect whose storage answers in another way brings its own route, and sends with `send_work`. A file is
tagged with its MD5, as object storages tag what came in one piece.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from aiohttp import web

from danqing_providers.sandbox.faults import ON_DOWNLOAD, Fault, FaultKind, Target
from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.keys import HOUSE
from danqing_providers.sandbox.links import PREFIX, LinkRefused
from danqing_providers.sandbox.mischief import page, send_slowly, send_truncated

__all__ = ["Away", "send_file", "send_work"]

_PIECES: Final = 20
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


class Away(Exception):
    """A good link that does not work: `status` is its answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def send_file(request: web.Request) -> web.StreamResponse:
    """Answer GET and HEAD of a good link with the file, or with the part that `Range` asks for."""
    house = request.app[HOUSE]
    if request.method not in ("GET", "HEAD"):
        return web.Response(status=405, text="Method Not Allowed", headers={"Allow": "GET, HEAD"})
    try:
        house.links.check(request.path.removeprefix(request[PREFIX]), request.query, house.clock())
    except LinkRefused as refused:
        return web.Response(status=403, text=f"{refused.code}: {refused.message}")
    work = await house.gallery.find(request.path.rpartition("/")[2].rpartition(".")[0])
    if work is None:
        return web.Response(status=404, text="NoSuchKey: the file does not exist.")
    try:
        return await send_work(request, house, work)
    except Away as away:
        return web.Response(status=away.status, text="Injected by the sandbox.")


async def send_work(request: web.Request, house: House, work: Work) -> web.StreamResponse:
    """Answer *request*, whose link was found good, with *work*. Raises: Away, for the faults of links."""
    target = Target(prompt=work.prompt, models=(work.model,), dialect=work.dialect)
    house.counters["downloads"] += 1
    if (status := _away(house, work, target)) is not None:
        raise Away(status)
    fault = house.strike(ON_DOWNLOAD, target, image_index=work.index, stage="download")
    if fault is not None and fault.kind is FaultKind.DOWNLOAD_STATUS:
        raise Away(fault.status or 403)
    content = await house.gallery.bytes_of(work)
    if fault is not None:
        return await _send_badly(request, work, content, fault)
    return _send(request, house, work, content)


def _away(house: House, work: Work, target: Target) -> int | None:
    """Return the status of a link that does not work at the age that it has, None for one that does."""
    age_s = house.clock() - work.made_s
    for kind in (FaultKind.DOWNLOAD_LATE, FaultKind.DOWNLOAD_DIES):
        fault = house.strike({kind}, target, image_index=work.index)
        if fault is not None and (age_s < fault.seconds) is (kind is FaultKind.DOWNLOAD_LATE):
            return fault.status or 404
    return None


async def _send_badly(request: web.Request, work: Work, content: bytes, fault: Fault) -> web.StreamResponse:
    if fault.kind is FaultKind.DOWNLOAD_TRUNCATE:
        return await send_truncated(request, content, work.content_type)
    if fault.kind is FaultKind.DOWNLOAD_HTML:
        return web.Response(text=page(200), content_type="text/html")
    if fault.kind is FaultKind.DOWNLOAD_TRICKLE:
        return await _trickle(request, work, content, fault.seconds)
    return await send_slowly(request, content, work.content_type, fault.seconds)


async def _trickle(request: web.Request, work: Work, content: bytes, seconds: float) -> web.StreamResponse:
    """Send the file, or the part that is asked for, at the pace at which all of it takes *seconds*."""
    headers, part = _asked(request, work, content)
    start, end = part or (0, len(content))
    if start >= end:
        return _behind_the_end(content)
    status = 200
    if part is not None:
        status, headers["Content-Range"] = 206, f"bytes {start}-{end - 1}/{len(content)}"
    return await send_slowly(
        request,
        content[start:end],
        work.content_type,
        seconds / _PIECES,
        piece_bytes=len(content) // _PIECES + 1,
        status=status,
        headers=headers,
    )


def _send(request: web.Request, house: House, work: Work, content: bytes) -> web.Response:
    headers, part = _asked(request, work, content)
    if part is None:
        if request.method == "GET":
            house.ledger.note_delivery([work.name])
        return web.Response(body=content, headers=headers)
    start, end = part
    if start >= end:
        return _behind_the_end(content)
    if end == len(content):
        house.ledger.note_delivery([work.name])
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
    return web.Response(status=206, body=content[start:end], headers=headers)


def _asked(request: web.Request, work: Work, content: bytes) -> tuple[dict[str, str], tuple[int, int] | None]:
    """Return the headers of the file's answer, and which part of it is asked for; None for all of it."""
    tag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
    headers = {"Content-Type": work.content_type, "Accept-Ranges": "bytes", "ETag": tag}
    part = _part(request.headers.get("Range", ""), len(content))
    return headers, part if request.headers.get("If-Range", tag) == tag else None


def _behind_the_end(content: bytes) -> web.Response:
    return web.Response(status=416, headers={"Content-Range": f"bytes */{len(content)}"})


def _part(text: str, length: int) -> tuple[int, int] | None:
    """Return where the one range in *text* starts and ends, empty when there is nothing there; None for all."""
    form = _RANGE.fullmatch(text.replace(" ", ""))
    if form is None or not (form[1] or form[2]):
        return None
    if not form[1]:
        return max(0, length - int(form[2])), length
    end = length if not form[2] else min(length, int(form[2]) + 1)
    return int(form[1]), end
