"""Answers that are billed, whole and readable, and yet arrive in an unusual way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from danqing_providers.sandbox.faults import Fault, FaultKind

__all__ = ["BOM", "DOCUMENT_TYPE", "STREAM_TYPE", "OddBytes"]

BOM: Final = b"\xef\xbb\xbf"
STREAM_TYPE: Final = "text/event-stream"
DOCUMENT_TYPE: Final = "application/json"


class OddBytes:
    """What is odd about the way of one answer; nothing, as a rule."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.faults = {fault.kind: fault for fault in faults}

    def __bool__(self) -> bool:
        return bool(self.faults)

    @property
    def status(self) -> int:
        """The status of the answer."""
        fault = self.faults.get(FaultKind.ANSWER_STATUS)
        return 200 if fault is None else fault.status or 202

    @property
    def stream_type(self) -> str:
        """The media type of a stream."""
        return DOCUMENT_TYPE if FaultKind.ANSWER_TYPE in self.faults else STREAM_TYPE

    @property
    def mark(self) -> bytes:
        """What stands before everything."""
        return BOM if FaultKind.ANSWER_BOM in self.faults else b""

    async def send(
        self, request: web.Request, content: bytes, content_type: str = DOCUMENT_TYPE
    ) -> web.StreamResponse:
        """Answer with the document *content*."""
        body = self.mark + content
        media_type = STREAM_TYPE if FaultKind.ANSWER_TYPE in self.faults else content_type
        fault = self.faults.get(FaultKind.ANSWER_LENGTH)
        if fault is None:
            return web.Response(body=body, status=self.status, content_type=media_type)
        headers = {"Content-Type": media_type, "Content-Length": str(len(body) + fault.extra_bytes)}
        answer = web.StreamResponse(status=self.status, headers=headers)
        await answer.prepare(request)
        await answer.write(body)
        if request.transport is not None:
            request.transport.close()
        return answer
