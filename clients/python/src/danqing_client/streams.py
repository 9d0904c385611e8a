"""Streams of server-sent events: put together from their lines, and opened again where they were."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx

from danqing_client.answers import read
from danqing_client.calls import SHORTEST_POLL_S, Call, Settings, pause_s, unreached
from danqing_client.models import Event

__all__ = ["EventReader", "reopen_s"]

_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""Of a line. A CR that came last may be half of one."""


def reopen_s(settings: Settings, call: Call, tries: int, ended: httpx.Response | httpx.RequestError) -> float:
    """Return how long to wait before a stream that ended is opened again, after *tries* that brought nothing.

    Raises:
        ConnectionFailed: no more; the server is gone.
        ApiError: no more; it says no.
    """
    if isinstance(ended, httpx.Response) and ended.is_success:
        return SHORTEST_POLL_S
    wait_s = pause_s(settings, call, tries, ended)
    if wait_s is not None:
        return wait_s
    if isinstance(ended, httpx.RequestError):
        raise unreached(call, ended) from ended
    read(ended)
    return SHORTEST_POLL_S


class EventReader:
    """Puts events together from the bytes of a stream, in whatever parts they come.

    A line ends with CR, LF or both, and with nothing else that Unicode has.
    Source: WHATWG HTML §9.2.6, read 2026-11-30.
    """

    def __init__(self, last_id: str | None = None) -> None:
        self.last_id = last_id
        self._rest = bytearray()
        self._fields: dict[str, list[str]] = {}

    def begin(self) -> None:
        """Begin a stream: what the one before had told by half is nothing."""
        self._rest.clear()
        self._fields = {}

    def feed(self, part: bytes) -> Iterator[Event]:
        """Take *part*, and yield the events that it completes."""
        self._rest += part
        if not self._rest.startswith(b"\r") and b"\n" not in part and b"\r" not in part:
            return
        *lines, self._rest = map(bytearray, _END.split(self._rest))
        for line in lines:
            event = self._take(line.decode(errors="replace"))
            if event is not None:
                yield event

    def _take(self, line: str) -> Event | None:
        if line:
            name, _, value = line.partition(":")
            self._fields.setdefault(name, []).append(value.removeprefix(" "))
            return None
        fields, self._fields = self._fields, {}
        self.last_id = fields.get("id", [self.last_id])[-1]  # also of what tells nothing but where to go on from
        if "data" not in fields:
            return None
        return Event(fields.get("event", ["message"])[-1], json.loads("\n".join(fields["data"])), self.last_id)
