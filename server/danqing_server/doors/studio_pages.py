"""The studio: one page for every place, and its files. What the page does, it does through the public API."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import attrs
from sanic import Blueprint, HTTPResponse

from danqing_server.assets.serving import matches
from danqing_server.doors.studio_files import FOLDER, PLACES, StudioFile, StudioFiles, read_studio
from danqing_server.errors import NotFound
from danqing_server.http.messages import ENGLISH, language_of
from danqing_server.http.packing import takes_gzip
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get

__all__ = ["StudioFolder", "routes"]

FOR_EVER = "public, max-age=31536000, immutable"
PAGE_HEADERS = {
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "vary": "Accept-Encoding, Accept-Language, Cookie",
}
FILE_HEADERS = {"cache-control": FOR_EVER, "x-content-type-options": "nosniff", "vary": "Accept-Encoding"}
# Chosen in the page, which writes this cookie (`js/i18n.js`): what it loads first is in that language.
LANGUAGE = re.compile(r"(?:^|; ?)danqing_language=(en|zh)(?:;|$)")

routes = Blueprint("studio", url_prefix="/studio")


@attrs.define(eq=False)
class StudioFolder:
    """The files as they were when they were last looked at; read when they first are."""

    folder: Path = FOLDER
    _files: StudioFiles | None = attrs.field(default=None, init=False)
    _looking: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    async def now(self) -> StudioFiles:
        """Return them as they are now; who asks while they are read, which takes a while, waits for that."""
        async with self._looking:
            self._files = await asyncio.to_thread(read_studio, self._files, self.folder)
        return self._files

    async def named(self, version: str) -> StudioFiles:
        """Return those of *version*, if they are there: a process beside this one may have looked at them later."""
        if self._files is None or self._files.version != version:
            return await self.now()
        return self._files


@on_get(routes, "/", public=True)
async def get_studio(request: ApiRequest) -> HTTPResponse:
    """Show the studio."""
    return await _page(request, "create")


@on_get(routes, "/<place>", public=True)
async def get_studio_place(request: ApiRequest, place: str) -> HTTPResponse:
    """Show the studio at one of its places."""
    return await _page(request, place)


@on_get(routes, "/settings/<section:path>", public=True)
async def get_studio_settings(request: ApiRequest, section: str) -> HTTPResponse:
    """Show the studio at a section of its settings."""
    return await _page(request, "settings")


@on_get(routes, "/v/<version>/<path:path>", public=True)
async def get_studio_file(request: ApiRequest, version: str, path: str) -> HTTPResponse:
    """Send a file of the studio as it is now; those of an older one are gone."""
    folder: StudioFolder = request.app.ctx.studio
    files = await folder.named(version)
    found = files.files.get(path) if version == files.version else None
    if found is None:
        raise NotFound("file", path)
    return _sent(request, found, FILE_HEADERS)


async def _page(request: ApiRequest, place: str) -> HTTPResponse:
    if place not in PLACES:
        raise NotFound("file", place)
    folder: StudioFolder = request.app.ctx.studio
    files = await folder.now()
    headers = {**PAGE_HEADERS, "content-security-policy": files.policy, "x-danqing-studio": files.version}
    return _sent(request, files.page(place, _language(request)), headers)


def _language(request: ApiRequest) -> str:
    """Return what was chosen here, else what the browser prefers; English for who reads neither of ours."""
    chosen = LANGUAGE.search(request.headers.get("cookie") or "")
    if chosen:
        return chosen[1]
    reads_chinese = "zh" in (request.headers.get("accept-language") or "").lower()
    return language_of(request.headers) if reads_chinese else ENGLISH


def _sent(request: ApiRequest, file: StudioFile, headers: dict[str, str]) -> HTTPResponse:
    """Return *file*, or that the client has it."""
    shared = {**headers, "etag": file.etag}
    if matches(request.headers.get("if-none-match"), file.etag):
        return HTTPResponse(status=304, headers=shared)
    if file.compressed is not None and takes_gzip(request):
        return HTTPResponse(
            file.compressed, headers={**shared, "content-encoding": "gzip"}, content_type=file.content_type
        )
    return HTTPResponse(file.body, headers=shared, content_type=file.content_type)
