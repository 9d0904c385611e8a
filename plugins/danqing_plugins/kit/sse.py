"""A parser of server-sent events that is fed bytes as they come, cut anywhere.

Ark's official client stops at the first failed picture of a group; this one hands over every event. Ark's page
shows a stream whose JSON goes on over lines without `data:`; what begins as an object is gathered so as well.
Sources: html.spec.whatwg.org, "Server-sent events"; volcengine.com/docs/82379/1824137; read 2026-11-23.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

__all__ = ["Event", "EventParser", "EventTooLarge"]

_LINE_END: Final = re.compile(rb"[\r\n]")
_BOM: Final = b"\xef\xbb\xbf"
_OTHER_FIELDS: Final = frozenset({"", "id", "retry"})


class EventTooLarge(ValueError):
    """One event has more bytes than were allowed."""


@attrs.frozen
class Event:
    """One event; `name` is `message` when the stream named none."""

    name: str
    data: str = attrs.field(repr=False)


@attrs.define
class EventParser:
    """Turns bytes into events. `max_bytes` bounds one event, so that a hostile stream cannot fill the memory."""

    max_bytes: int
    _buffer: bytearray = attrs.field(factory=bytearray, init=False)
    _searched: int = attrs.field(default=0, init=False)
    _begun: bool = attrs.field(default=False, init=False)
    _after_return: bool = attrs.field(default=False, init=False)
    _name: str = attrs.field(default="", init=False)
    _data: list[str] = attrs.field(factory=list, init=False)
    _held_bytes: int = attrs.field(default=0, init=False)

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes and return the events that they complete.

        Raises:
            EventTooLarge: the event under way has more than `max_bytes`.
        """
        self._buffer += chunk
        if not self._begin():
            return []
        events = [event for line in self._lines() if (event := self._take(line)) is not None]
        if self._held_bytes + len(self._buffer) > self.max_bytes:
            raise EventTooLarge(f"an event of more than {self.max_bytes} bytes")
        return events

    def finish(self) -> list[Event]:
        """Return the event that the end of the stream completes, when its final blank line is missing."""
        last = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        if last:
            self._take(last)
        event = self._take(b"")
        return [] if event is None else [event]

    def _begin(self) -> bool:
        """Drop a byte-order mark; False while it cannot be told yet whether there is one."""
        if self._begun:
            return True
        if len(self._buffer) < len(_BOM) and _BOM.startswith(self._buffer):
            return False
        if self._buffer.startswith(_BOM):
            del self._buffer[: len(_BOM)]
        self._begun = True
        return True

    def _lines(self) -> list[bytes]:
        lines = []
        start = 0
        if self._after_return and self._buffer:
            # The line feed of a CRLF that was cut in two.
            start = 1 if self._buffer[0] == 0x0A else 0
            self._after_return = False
        position = max(start, self._searched)
        while (found := _LINE_END.search(self._buffer, position)) is not None:
            lines.append(bytes(self._buffer[start : found.start()]))
            start = found.end()
            if found[0] == b"\r":
                self._after_return = start == len(self._buffer)
                start += self._buffer[start : start + 1] == b"\n"
            position = start
        del self._buffer[:start]
        self._searched = len(self._buffer)
        return lines

    def _take(self, line: bytes) -> Event | None:
        if not line:
            return self._complete()
        self._held_bytes += len(line)
        text = line.decode("utf-8", "replace")
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name not in _OTHER_FIELDS and self._data and self._data[0].lstrip().startswith("{"):
            self._data.append(text)
        return None

    def _complete(self) -> Event | None:
        event = Event(self._name or "message", "\n".join(self._data)) if self._data else None
        self._name, self._data, self._held_bytes = "", [], 0
        return event
