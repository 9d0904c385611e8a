"""Answers that are billed, whole and readable, and yet not in the usual form."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from aiohttp import web

from danqing_providers.sandbox.faults import Fault, FaultKind

__all__ = ["BOM", "Oddities", "encode_event"]

BOM: Final = b"\xef\xbb\xbf"
STREAM_TYPE: Final = "text/event-stream"
DOCUMENT_TYPE: Final = "application/json"
LINE_CHARACTERS: Final = 76
DEAD_LINK: Final = "/doubao-gone/0_0.jpeg"


def encode_event(name: str, data: Mapping[str, Any]) -> bytes:
    """Return one event: its name, its data on one line, an empty line."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))


class Oddities:
    """What is odd about one answer; nothing, as a rule."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = {fault.kind: fault for fault in faults}

    def __bool__(self) -> bool:
        return bool(self._faults)

    @property
    def status(self) -> int:
        """The status of the answer."""
        return self._faults[FaultKind.ANSWER_STATUS].status if FaultKind.ANSWER_STATUS in self._faults else 200

    @property
    def stream_type(self) -> str:
        """The media type of a stream."""
        return DOCUMENT_TYPE if FaultKind.ANSWER_TYPE in self._faults else STREAM_TYPE

    @property
    def document_type(self) -> str:
        """The media type of a whole answer."""
        return STREAM_TYPE if FaultKind.ANSWER_TYPE in self._faults else DOCUMENT_TYPE

    @property
    def mark(self) -> bytes:
        """What stands before everything."""
        return BOM if FaultKind.ANSWER_BOM in self._faults else b""

    @property
    def asks_for_bytes(self) -> bool:
        """Whether pictures come as bytes, whatever was asked."""
        return FaultKind.ANSWER_BYTES in self._faults

    def item(self, item: dict[str, Any], content: bytes, base_url: str) -> dict[str, Any]:
        """Return a picture's entry as it is sent; *content* are its bytes where they are asked for, else empty."""
        if (fault := self._faults.get(FaultKind.ANSWER_BYTES)) is not None:
            item = {name: value for name, value in item.items() if name != "url"}
            item["b64_json"] = _encoded(content, fault.form)
            if fault.form == "with_link":
                item["url"] = base_url + DEAD_LINK
        elif (fault := self._faults.get(FaultKind.ANSWER_LINKS)) is not None and "url" in item:
            item = {**item, "url": _shortened(item["url"], fault.form)}
        return item

    def event(self, name: str, data: Mapping[str, Any]) -> bytes:
        """Return one event of a stream.

        Source of the odd form: volcengine.com/docs/82379/1824137, its sample answer, read 2026-11-23.
        """
        if FaultKind.STREAM_SAMPLE not in self._faults:
            return encode_event(name, data)
        pretty = orjson.dumps(data, option=orjson.OPT_INDENT_2).replace(b"\n", b"\n  ")
        return b"event: %b\ndata: %b\n\n" % (name.encode(), pretty)

    async def send(self, request: web.Request, content: bytes) -> web.StreamResponse:
        """Answer with the document *content*."""
        body = self.mark + content
        fault = self._faults.get(FaultKind.ANSWER_LENGTH)
        if fault is None:
            return web.Response(body=body, status=self.status, content_type=self.document_type)
        length = len(body) + fault.extra_bytes
        headers = {"Content-Type": self.document_type, "Content-Length": str(length)}
        answer = web.StreamResponse(status=self.status, headers=headers)
        await answer.prepare(request)
        await answer.write(body)
        if request.transport is not None:
            request.transport.close()
        return answer


def _encoded(content: bytes, form: str | None) -> str:
    text = base64.b64encode(content).decode()
    if form == "unpadded":
        return text.rstrip("=")
    if form == "lines":
        return "\n".join(text[at : at + LINE_CHARACTERS] for at in range(0, len(text), LINE_CHARACTERS)) + "\n"
    return text


def _shortened(link: str, form: str | None) -> str:
    parts = urlsplit(link)
    return f"//{parts.netloc}{parts.path}?{parts.query}" if form == "host" else f"{parts.path}?{parts.query}"
