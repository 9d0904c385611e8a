"""Makes the sandbox of a chaos run answer as odd services do: `[chaos:WORD]` or `[chaos:WORD=NUMBER]` in a prompt.

What is made and billed is the sandbox's own affair; only the answer to a good call is altered here, and what a
picture's link gives. A picture's age counts from when it was made, so that a killed sandbox goes on where it was.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from danqing_providers.ark_sandbox import app as sandbox
from danqing_providers.ark_sandbox.gallery import Picture
from danqing_providers.ark_sandbox.keys import STUDIO
from danqing_providers.ark_sandbox.links import PICTURE_PATH

__all__ = ["install"]

SLICES = 20
ERRORS_BEFORE_GONE = 4
OWN_TYPE = "danqing_chaos_type"

_WORD = re.compile(r"\[chaos:([a-z0-9-]+)(?:=(\d+(?:\.\d+)?))?\]")
_HTML = b"<html><body>Please sign in to see this picture.</body></html>"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Words = Mapping[str, float]


def install() -> None:
    """Put the oddities in front of every sandbox made from now on."""
    create = sandbox.create_app

    def create_odd(*arguments: Any, **named: Any) -> web.Application:
        app = create(*arguments, **named)
        app.middlewares.append(_answer_oddly)
        app.on_response_prepare.append(_rename)
        return app

    setattr(sandbox, "create_app", create_odd)  # noqa: B010 — the module says nothing of being altered


def words_of(prompt: str) -> dict[str, float]:
    """Return the words of *prompt* with their numbers, 0 where none is given."""
    return {found[1]: float(found[2] or 0) for found in _WORD.finditer(prompt)}


@web.middleware
async def _answer_oddly(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.method == "POST" and request.path.endswith("/images/generations"):
        return await _generate(request, handler)
    form = PICTURE_PATH.fullmatch(request.path)
    picture = await request.app[STUDIO].gallery.find(form["name"]) if form else None
    if picture is None or not (words := words_of(picture.prompt)):
        return await handler(request)
    return await _download(request, handler, picture, words)


async def _generate(request: web.Request, handler: Handler) -> web.StreamResponse:
    words = words_of(_prompt_of(await request.read()))
    if "renamed" in words:
        request[OWN_TYPE] = "application/octet-stream"
    answer = await handler(request)
    if not words or answer.status != 200 or not isinstance(answer, web.Response):
        return answer
    document = json.loads(answer.body)  # type: ignore[arg-type]  # the sandbox's bodies are bytes
    for word in words:
        if word in _DOCUMENTS:
            await _DOCUMENTS[word](request, document)
    return await _send(request, json.dumps(document).encode(), words)


def _prompt_of(body: bytes) -> str:
    try:
        return str(json.loads(body)["prompt"])
    except (ValueError, KeyError, TypeError):
        return ""


async def _send(request: web.Request, body: bytes, words: Words) -> web.StreamResponse:
    if "bom" in words:
        body = b"\xef\xbb\xbf" + body
    status = int(words.get("status", 200))
    if "length" not in words:
        return web.Response(body=body, status=status, content_type="application/json")
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body) + 2)}
    answer = web.StreamResponse(status=status, headers=headers)
    await answer.prepare(request)
    await answer.write(body)
    if request.transport is not None:
        request.transport.close()
    return answer


async def _rename(request: web.Request, answer: web.StreamResponse) -> None:
    if OWN_TYPE in request and answer.status == 200:
        answer.content_type = request[OWN_TYPE]


async def _with_bytes(request: web.Request, document: Any, *, encode: Callable[[bytes], bytes], link: bool) -> None:
    gallery = request.app[STUDIO].gallery
    for item in document["data"]:
        form = PICTURE_PATH.fullmatch(urlsplit(item.get("url", "")).path)
        picture = await gallery.find(form["name"]) if form else None
        if picture is not None:
            item["b64_json"] = encode(await gallery.bytes_of(picture)).decode()
            del item["url"]
        if link:
            item["url"] = f"http://{request.host}/doubao-gone/0_0.jpeg"


async def _bytes(request: web.Request, document: Any) -> None:
    await _with_bytes(request, document, encode=base64.b64encode, link=False)


async def _broken_lines(request: web.Request, document: Any) -> None:
    await _with_bytes(request, document, encode=base64.encodebytes, link=False)


async def _both(request: web.Request, document: Any) -> None:
    await _with_bytes(request, document, encode=base64.b64encode, link=True)


async def _relative(_request: web.Request, document: Any) -> None:
    for item in document["data"]:
        parts = urlsplit(item["url"])
        item["url"] = f"{parts.path}?{parts.query}"


async def _hostless(_request: web.Request, document: Any) -> None:
    for item in document["data"]:
        item["url"] = item["url"].partition(":")[2]


async def _unsigned(_request: web.Request, document: Any) -> None:
    """Take the signature off: such a link is refused, and does not say until when it is good."""
    for item in document["data"]:
        item["url"] = item["url"].partition("?")[0]


async def _vast(_request: web.Request, document: Any) -> None:
    document["usage"]["output_tokens"] = 2**64 - 1


async def _nul(_request: web.Request, document: Any) -> None:
    document["usage"]["tokens\0of this month"] = 1


_DOCUMENTS: Mapping[str, Callable[[web.Request, Any], Awaitable[None]]] = {
    "bytes": _bytes,
    "broken-lines": _broken_lines,
    "both": _both,
    "relative": _relative,
    "hostless": _hostless,
    "unsigned": _unsigned,
    "vast": _vast,
    "nul": _nul,
}
"""What is done to the document of a whole answer: beside these `bom`, `length`, `renamed` and `status=201`."""


_asked: Counter[str] = Counter()


async def _download(request: web.Request, handler: Handler, picture: Picture, words: Words) -> web.StreamResponse:
    """`link-late=S`, `link-dies=S`: no picture before or after that age in seconds; `link-html`; `link-slow=S`.

    `link-lost`: errors of the storage first, then nothing.
    """
    age_s = time.time() - picture.made_s
    _asked[picture.name] += 1
    if age_s < words.get("link-late", 0.0) or age_s > words.get("link-dies", float("inf")):
        return web.Response(status=404, text="NoSuchKey")
    if "link-lost" in words:
        return web.Response(status=500 if _asked[picture.name] <= ERRORS_BEFORE_GONE else 404)
    if "link-html" in words:
        return web.Response(body=_HTML, content_type="text/html")
    if "link-slow" in words:
        return await _send_slowly(request, picture, words["link-slow"])
    return await handler(request)


async def _send_slowly(request: web.Request, picture: Picture, takes_s: float) -> web.StreamResponse:
    content = await request.app[STUDIO].gallery.bytes_of(picture)
    headers = {"Content-Type": picture.content_type, "Content-Length": str(len(content))}
    answer = web.StreamResponse(headers=headers)
    await answer.prepare(request)
    slice_bytes = len(content) // SLICES + 1
    for begin in range(0, len(content), slice_bytes):
        await answer.write(content[begin : begin + slice_bytes])
        await asyncio.sleep(takes_s / SLICES)
    return answer
