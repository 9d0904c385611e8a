"""Streams of server-sent events: put together from their lines, and opened again where they were."""

from __future__ import annotations

import json

import httpx

from danqing_client.calls import SHORTEST_POLL_S, Call, Settings, pause_s, read, unreached
from danqing_client.models import Event

__all__ = ["EventReader", "reopen_s"]


def reopen_s(settings: Settings, call: Call, tries: int, ended: httpx.Response | httpx.TransportError) -> float:
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
    if isinstance(ended, httpx.TransportError):
        raise unreached(call, ended) from ended
    read(ended)
    return SHORTEST_POLL_S


class EventReader:
    """Puts events together from the lines of a stream of server-sent events."""

    def __init__(self, last_id: str | None = None) -> None:
        self.last_id = last_id
        self._fields: dict[str, list[str]] = {}

    def take(self, line: str) -> Event | None:
        """Take a line; return the event that it completes, if it does."""
        if line:
            name, _, value = line.partition(":")
            self._fields.setdefault(name, []).append(value.removeprefix(" "))
            return None
        fields, self._fields = self._fields, {}
        self.last_id = fields.get("id", [self.last_id])[-1]  # also of what tells nothing but where to go on from
        if "data" not in fields:
            return None
        return Event(fields.get("event", ["message"])[-1], json.loads("\n".join(fields["data"])), self.last_id)
