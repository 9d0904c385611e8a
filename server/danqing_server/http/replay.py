"""Answers to polls that may be sent again to whoever repeats the request to the byte.

The answer to a poll of a completed task depends on the request's bytes and on the task alone, so while the task is
held (`recent`), who sends the same bytes is sent the same answer under a new request id. A crowd that waits for one
picture then costs a look into a dictionary each.
"""

from __future__ import annotations

import attrs

from danqing_server.desk.recent import Recent, RecentTasks
from danqing_server.http.answers import Repeatable
from danqing_server.http.edge import logs_every_request
from danqing_server.http.links import names_base
from danqing_server.http.requests import ApiRequest, new_trace_id

__all__ = ["Replays"]

MOST_KEPT = 5_000
LARGEST_REQUEST_BYTES = 2 * 1024
LARGEST_ANSWER_BYTES = 8 * 1024
_END_OF_HEAD = b"\r\n\r\n"
_NOT_ALONE = ("content-length", "transfer-encoding", "expect", "upgrade", "cookie")
"""Of a cookie's owner it has to be known at each request whether it is still signed in."""


@attrs.frozen(eq=False)
class _Replay:
    """An answer as it was sent. `after` None: the client named the request, so that the id is part of the bytes."""

    held: Recent
    before: bytes
    after: bytes | None

    def renewed(self) -> bytes:
        """Return the answer under an id of its own."""
        if self.after is None:
            return self.before
        return self.before + new_trace_id().encode() + self.after


@attrs.define(eq=False)
class Replays:
    """The answers that may be sent again, by the request's bytes and by whether the peer may name another host."""

    recent: RecentTasks
    _kept: dict[tuple[bool, bytes], _Replay] = attrs.field(factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, near: bool, request: bytes) -> bytes | None:
        """Return the whole answer to *request*, None when it is not known or its task is no longer held."""
        found = self._kept.get((near, request))
        if found is None:
            return None
        if self.recent.get(found.held.task.id) is not found.held:
            del self._kept[near, request]
            return None
        return found.renewed()

    def keep(self, near: bool, request: ApiRequest, response: Repeatable, answer: bytes) -> None:
        """Remember *answer*, the bytes of *response*, if the same request will deserve the same again."""
        small = len(request.head) <= LARGEST_REQUEST_BYTES and len(answer) <= LARGEST_ANSWER_BYTES
        if not small or not _depends_on_bytes(request):
            return
        replay = _Replay(response.held, answer, None)
        if not request.names_itself:
            before, _, after = answer.partition(request.trace_id.encode())
            replay = _Replay(response.held, before, after)
        self._let_go()
        key = near, request.head + _END_OF_HEAD
        self._kept.pop(key, None)  # to the end of the line
        self._kept[key] = replay

    def forget(self) -> None:
        """Forget all of them: whose keys are good for what has changed."""
        self._kept.clear()

    def _let_go(self) -> None:
        """Drop the oldest that are of no use any more, and one when there are too many."""
        while self._kept:
            key, oldest = next(iter(self._kept.items()))
            useful = self.recent.get(oldest.held.task.id) is oldest.held
            if useful and len(self._kept) < MOST_KEPT:
                return
            del self._kept[key]


def _depends_on_bytes(request: ApiRequest) -> bool:
    """Tell whether a client that sends these bytes again, alone and on an open connection, asks for the same."""
    if request.method != "GET" or request.version != "1.1" or logs_every_request():
        return False
    if request.caller is not None and request.caller.limits.go_by_address:
        return False
    return names_base(request) and not any(name in request.headers for name in _NOT_ALONE)
