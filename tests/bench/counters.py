"""Numbers that the stub upstream, the client and the harness share without a message: a small mapped file."""

from __future__ import annotations

import mmap
from enum import IntEnum
from pathlib import Path

__all__ = ["Counters", "Slot"]

_SIZE_BYTES = 4096


class Slot(IntEnum):
    """What each number is. Moments are nanoseconds of the machine's monotonic clock; 0 is not yet."""

    RECEIVED = 0
    ANSWERED = 1
    FIRST_AT_NS = 2
    LAST_AT_NS = 3
    MOST_IN_FLIGHT = 4
    PICTURES = 5
    DELAY_MS = 6
    """How long each call waits for its answer; written by the harness, read by the stub."""
    HELD = 7
    """1 while no call is answered at all; written by the harness."""
    SHOWN = 8
    """Which picture the stub shows, a `stub.Shown`; written by the harness."""


class Counters:
    """The shared numbers. Each slot has one writer, so no lock is needed."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_SIZE_BYTES))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _SIZE_BYTES)
        self._numbers = memoryview(self._map).cast("q")

    def __getitem__(self, slot: Slot) -> int:
        return self._numbers[slot]

    def __setitem__(self, slot: Slot, value: int) -> None:
        self._numbers[slot] = value

    @property
    def in_flight(self) -> int:
        """How many calls wait for their answer."""
        return self[Slot.RECEIVED] - self[Slot.ANSWERED]

    def reset(self, *, delay_ms: int = 0, held: bool = False, shown: int = 0) -> None:
        """Begin a measurement: everything at 0; nothing may be in flight."""
        for slot in Slot:
            self[slot] = 0
        self[Slot.DELAY_MS] = delay_ms
        self[Slot.HELD] = int(held)
        self[Slot.SHOWN] = shown
