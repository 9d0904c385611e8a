"""A completed task as OpenAI's clients read it: its pictures inside the answer, or links to them.

Pictures are sent as they are read, never held whole: four of 10 MB are 53 MB of JSON. Only one that has to be put
into another file format is in memory, one at a time.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import attrs

from danqing_plugins import OutputKind
from danqing_server.assets.storage import Assets
from danqing_server.codec import dump_json
from danqing_server.doors.openai.reading import Form, Manner
from danqing_server.http.answers import JSON
from danqing_server.http.downloads import Downloads
from danqing_server.http.entry import payer_of
from danqing_server.http.links import picture_url
from danqing_server.http.requests import ApiRequest
from danqing_server.models import Asset, Task

__all__ = ["Gallery", "pictures_of", "send_out"]

USAGE = ("input_tokens", "output_tokens", "total_tokens")


def pictures_of(task: Task) -> list[Asset]:
    """Return the pictures of a task that are here, by index."""
    found = [output.asset for output in task.kept if output.asset is not None]
    return [asset for asset in found if asset.kind is OutputKind.IMAGE]


@attrs.frozen(kw_only=True)
class Gallery:
    """The pictures of a completed task, for one client."""

    assets: Assets
    base: str
    task: Task
    manner: Manner

    @property
    def length(self) -> int | None:
        """How long the body is; None when it is known only once pictures have been converted."""
        if self.manner.form is Form.CHAT:
            return len(self._chat())
        pictures = pictures_of(self.task)
        if any(self._converts(asset) for asset in pictures):
            return None
        parts = len(self._beginning()) + len(self._end()) + max(0, len(pictures) - 1)
        return parts + sum(self._length_of(asset) for asset in pictures)

    async def body(self) -> AsyncGenerator[bytes, None]:
        """Yield the whole answer."""
        if self.manner.form is Form.CHAT:
            yield self._chat()
            return
        yield self._beginning()
        for place, asset in enumerate(pictures_of(self.task)):
            if place:
                yield b","
            async with aclosing(self._item(asset)) as pieces:
                async for piece in pieces:
                    yield piece
        yield self._end()

    async def encoded(self, asset: Asset) -> AsyncGenerator[bytes, None]:
        """Yield a picture as base64, in the format that was asked for."""
        if self._converts(asset):
            made = await self.assets.read_as(asset.key, self.manner.output_format or "")
            for at in range(0, len(made), 48 * 1024):
                yield base64.b64encode(made[at : at + 48 * 1024])
            return
        rest = b""
        async with aclosing(self.assets.stream(asset.key, 0, asset.size_bytes)) as chunks:
            async for chunk in chunks:
                whole = rest + chunk
                end = len(whole) - len(whole) % 3
                rest = whole[end:]
                yield base64.b64encode(whole[:end])
        if rest:
            yield base64.b64encode(rest)

    def facts(self, asset: Asset) -> dict[str, Any]:
        """Return what is said of a picture, or of all by the first: what it is, not what was asked for."""
        format_ = self.manner.output_format if self._converts(asset) else asset.media_type.partition("/")[2]
        return {"size": f"{asset.width}x{asset.height}", "output_format": format_}

    @property
    def usage(self) -> Mapping[str, Any] | None:
        """What the service counted, if it counts as OpenAI does."""
        usage = self.task.usage
        return usage if all(isinstance(usage.get(name), int) for name in USAGE) else None

    def link(self, asset: Asset) -> str:
        """Return where a picture is fetched."""
        return picture_url(self.base, asset.key)

    def _converts(self, asset: Asset) -> bool:
        wanted = self.manner.output_format
        is_sent = self.manner.form in (Form.B64, Form.BOTH)
        return is_sent and wanted is not None and asset.media_type != f"image/{wanted}"

    def chat(self, kind: str, member: str) -> dict[str, Any]:
        """Return the pictures as what an assistant says: links, as markdown and by themselves."""
        links = [self.link(asset) for asset in pictures_of(self.task)]
        said = {
            "role": "assistant",
            "content": "\n\n".join(f"![image]({link})" for link in links),
            "images": [{"type": "image_url", "image_url": {"url": link}} for link in links],
        }
        moment = self.task.completed_at or self.task.created_at
        return {
            "id": f"chatcmpl-{self.task.id}",
            "object": kind,
            "created": int(moment.timestamp()),
            "model": self.task.model,
            "choices": [{"index": 0, member: said, "finish_reason": "stop"}],
        }

    def _chat(self) -> bytes:
        return dump_json(self.chat("chat.completion", "message"))

    def _beginning(self) -> bytes:
        moment = self.task.completed_at or self.task.created_at
        return b'{"created":%d,"data":[' % int(moment.timestamp())

    def _end(self) -> bytes:
        pictures = pictures_of(self.task)
        told: dict[str, Any] = self.facts(pictures[0]) if pictures else {}
        if self.usage is not None:
            told["usage"] = self.usage
        return b"]," + dump_json(told)[1:] if told else b"]}"

    def _before(self, asset: Asset) -> tuple[bytes, bytes]:
        """Return what stands before a picture's base64, and behind it."""
        link = b'"url":' + dump_json(self.link(asset))
        if self.manner.form is Form.B64:
            return b'{"b64_json":"', b'"}'
        return b"{" + link + b',"b64_json":"', b'"}'

    def _length_of(self, asset: Asset) -> int:
        if self.manner.form is Form.URL:
            return len(self._as_link(asset))
        before, after = self._before(asset)
        return len(before) + len(after) + (asset.size_bytes + 2) // 3 * 4

    def _as_link(self, asset: Asset) -> bytes:
        return dump_json({"url": self.link(asset)})

    async def _item(self, asset: Asset) -> AsyncGenerator[bytes, None]:
        if self.manner.form is Form.URL:
            yield self._as_link(asset)
            return
        before, after = self._before(asset)
        yield before
        async with aclosing(self.encoded(asset)) as pieces:
            async for piece in pieces:
                yield piece
        yield after


async def send_out(request: ApiRequest, gallery: Gallery, headers: Mapping[str, str]) -> None:
    """Send a completed task as fast as the client reads; return when the last byte has left.

    Raises:
        Overloaded: too many are being sent; nothing was.
    """
    downloads: Downloads = request.app.ctx.downloads
    length = gallery.length
    sized = {} if length is None else {"content-length": str(length)}
    async with downloads.place(payer_of(request)):
        response = await request.respond(
            status=200, headers={"cache-control": "no-store", **headers, **sized}, content_type=JSON
        )
        await downloads.send(request, response, gallery.body())
        await response.eof()
