"""A loopback server that answers as it is told, hostile answers included."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
from aiohttp import web

__all__ = [
    "ScriptedArk",
    "Step",
    "answer",
    "document",
    "events",
    "pictures",
    "raw",
    "reply",
    "reset",
    "serve",
    "stream",
]

Step = Callable[[web.Request], Awaitable[web.StreamResponse]]
KEY = "key-0123456789"


@attrs.define(eq=False)
class ScriptedArk:
    """Takes one step per request, the last one again and again; keeps the bodies and headers it was sent."""

    url: str = ""
    steps: list[Step] = attrs.field(factory=list)
    bodies: list[dict[str, Any]] = attrs.field(factory=list)
    headers: list[Mapping[str, str]] = attrs.field(factory=list)
    at_once: int = 0
    most_at_once: int = 0
    arrived: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.headers.append(dict(request.headers))
        self.arrived.set()
        step = self.steps[min(len(self.bodies), len(self.steps)) - 1]
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await step(request)
        finally:
            self.at_once -= 1


@asynccontextmanager
async def serve(*steps: Step) -> AsyncIterator[ScriptedArk]:
    """Serve *steps* on loopback."""
    ark = ScriptedArk(steps=list(steps))
    app = web.Application(client_max_size=128 << 20)
    app.router.add_post("/api/v3/images/generations", ark.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        ark.url = f"http://{host}:{port}"
        yield ark
    finally:
        await runner.cleanup()


def reply(status: int, body: Any, **headers: str) -> Step:
    """Answer with *status* and *body*: text as HTML, anything else as JSON."""

    async def step(request: web.Request) -> web.StreamResponse:
        sent = {
            "x-request-id": "0217-request",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if isinstance(body, str):
            return web.Response(status=status, text=body, content_type="text/html", headers=sent)
        return web.json_response(body, status=status, headers=sent)

    return step


def document(*items: dict[str, Any]) -> bytes:
    """Return the bytes of a whole answer with *items*."""
    return json.dumps(
        {"model": "m", "created": 1, "data": items, "usage": {"generated_images": len(items)}}
    ).encode()


def raw(
    *chunks: bytes | asyncio.Event,
    status: int = 200,
    content_type: str = "application/json",
    announced: int | None = None,
    cut: bool = True,
) -> Step:
    """Answer with *chunks* to the byte, with a length of *announced* (None: until the connection ends).

    An Event among *chunks* is waited for.
    """

    async def step(request: web.Request) -> web.StreamResponse:
        length = "" if announced is None else f"Content-Length: {announced}\r\n"
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\n{length}x-request-id: 0217-raw\r\n\r\n"
        transport = request.transport
        assert transport is not None
        transport.write(head.encode())
        for chunk in chunks:
            if isinstance(chunk, asyncio.Event):
                await chunk.wait()
            else:
                transport.write(chunk)
        if cut:
            transport.close()
        return web.Response()

    return step


def pictures(count: int) -> list[dict[str, Any]]:
    """Return *count* items of `data`."""
    return [{"url": f"https://pictures.example/{number}.jpeg", "size": "2048x2048"} for number in range(count)]


def answer(*items: dict[str, Any], **rest: Any) -> Step:
    """Answer 200 with *items*; usage counts those without an error."""
    made = len([item for item in items if "error" not in item])
    usage = {"generated_images": made, "output_tokens": made * 16384, "total_tokens": made * 16384}
    return reply(200, {"model": "m", "created": 1, "data": list(items), "usage": usage, **rest})


def events(*items: dict[str, Any], completed: bool = True, done: bool = False) -> bytes:
    """Return the stream that tells of *items*."""
    text = ""
    for number, item in enumerate(items):
        kind = f"image_generation.partial_{'failed' if 'error' in item else 'succeeded'}"
        data = {"type": kind, "model": "m", "created": 1, "image_index": number, **item}
        text += f"event: {kind}\ndata: {json.dumps(data)}\n\n"
    if completed:
        made = len([item for item in items if "error" not in item])
        data = {"type": "image_generation.completed", "usage": {"generated_images": made}}
        text += f"event: image_generation.completed\ndata: {json.dumps(data)}\n\n"
    return (text + ("data: [DONE]\n\n" if done else "")).encode()


def stream(*chunks: bytes | asyncio.Event, cut: bool = False) -> Step:
    """Answer with an event stream; an Event among *chunks* is waited for, *cut* resets it at the end."""

    async def step(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "x-request-id": "0217-stream"})
        await response.prepare(request)
        for chunk in chunks:
            if isinstance(chunk, asyncio.Event):
                await chunk.wait()
            else:
                await response.write(chunk)
        if cut:
            _cut(request)
        return response

    return step


def reset(before: asyncio.Event | None = None) -> Step:
    """Read the request and cut the connection without an answer."""

    async def step(request: web.Request) -> web.StreamResponse:
        if before is not None:
            await before.wait()
        _cut(request)
        return web.Response()

    return step


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
