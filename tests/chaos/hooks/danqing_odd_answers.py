"""Makes the sandbox of a chaos run do what no magic word of its own does: `[chaos:WORD]` in a prompt.

What is made and billed is the sandbox's own affair; only the answer to a good call is altered here, and what a
picture's link gives.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from danqing_providers.sandbox import app as sandbox
from danqing_providers.sandbox.ark.links import PICTURE_PATH
from danqing_providers.sandbox.keys import HOUSE

__all__ = ["install"]

ERRORS_BEFORE_GONE = 4

_WORD = re.compile(r"\[chaos:([a-z0-9-]+)\]")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def install() -> None:
    """Put the oddities in front of every sandbox made from now on."""
    create = sandbox.create_app

    def create_odd(*arguments: Any, **named: Any) -> web.Application:
        app = create(*arguments, **named)
        app.middlewares.append(_answer_oddly)
        return app

    setattr(sandbox, "create_app", create_odd)  # noqa: B010 — the module says nothing of being altered


@web.middleware
async def _answer_oddly(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.method == "POST" and request.path.endswith("/images/generations"):
        return await _generate(request, handler)
    form = PICTURE_PATH.fullmatch(request.path)
    picture = await request.app[HOUSE].gallery.find(form["name"]) if form else None
    if picture is not None and "link-lost" in _WORD.findall(picture.prompt):
        return _lose(picture.name)
    return await handler(request)


async def _generate(request: web.Request, handler: Handler) -> web.StreamResponse:
    words = [word for word in _WORD.findall(_prompt_of(await request.read())) if word in _DOCUMENTS]
    answer = await handler(request)
    if not words or answer.status != 200 or not isinstance(answer, web.Response):
        return answer
    document = json.loads(answer.body)  # type: ignore[arg-type]  # the sandbox's bodies are bytes
    for word in words:
        _DOCUMENTS[word](document)
    return web.json_response(document)


def _prompt_of(body: bytes) -> str:
    try:
        return str(json.loads(body)["prompt"])
    except (ValueError, KeyError, TypeError):
        return ""


def _take_signature(document: Any) -> None:
    """Such a link is refused, and does not say until when it is good."""
    for item in document["data"]:
        item["url"] = item["url"].partition("?")[0]


def _count_vastly(document: Any) -> None:
    document["usage"]["output_tokens"] = 2**64 - 1


def _count_under_nul(document: Any) -> None:
    document["usage"]["tokens\0of this month"] = 1


_DOCUMENTS: Mapping[str, Callable[[Any], None]] = {
    "unsigned": _take_signature,
    "vast": _count_vastly,
    "nul": _count_under_nul,
}
"""What is done to the document of a whole answer."""


_asked: Counter[str] = Counter()


def _lose(name: str) -> web.Response:
    """`link-lost`: errors of the storage first, then nothing."""
    _asked[name] += 1
    return web.Response(status=500 if _asked[name] <= ERRORS_BEFORE_GONE else 404)
