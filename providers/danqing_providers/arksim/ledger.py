"""The ledger: one JSON line for every picture that would have been billed, on disk before the client hears of it."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import orjson

__all__ = ["Entry", "Ledger", "fingerprint"]


@attrs.frozen(kw_only=True)
class Entry:
    """One billed picture. `at` is unix seconds; `key` is the fingerprint of the bearer that asked."""

    at: float
    request_id: str
    client_request_id: str
    model: str
    prompt: str
    prompt_sha256: str
    index: int
    size: str
    key: str


def fingerprint(secret: str) -> str:
    """Return 12 hexadecimal digits that tell keys apart and give none away."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


@attrs.define
class Ledger:
    """An append-only file of JSON lines; lines that arrive during a sync share the next one."""

    path: Path
    _waiting: list[tuple[bytes, asyncio.Future[None]]] = attrs.field(factory=list, init=False)
    _writer: asyncio.Task[None] | None = attrs.field(default=None, init=False)

    async def append(self, entries: Iterable[Entry]) -> None:
        """Write the entries down; returns once they are synced. Cancelling the caller does not stop the write.

        Raises:
            OSError: the disk refused.
        """
        lines = b"".join(orjson.dumps(attrs.asdict(entry)) + b"\n" for entry in entries)
        if not lines:
            return
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((lines, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_waiting(), name="ledger")
        await written

    async def entries(self, after: int = 0) -> tuple[list[dict[str, Any]], int]:
        """Return the entries behind the first *after* ones, and how many there are in all."""
        lines = await asyncio.to_thread(self._read)
        return lines[after:], len(lines)

    async def clear(self) -> None:
        """Forget every entry."""
        await asyncio.to_thread(self.path.unlink, missing_ok=True)

    async def close(self) -> None:
        """Wait for what is being written."""
        if self._writer is not None:
            await self._writer

    async def _write_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            outcome: OSError | None = None
            try:
                await asyncio.to_thread(self._append, b"".join(lines for lines, _ in batch))
            except OSError as error:
                outcome = error
            for _, written in batch:
                if written.done():
                    continue
                if outcome is None:
                    written.set_result(None)
                else:
                    written.set_exception(outcome)

    def _append(self, lines: bytes) -> None:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            # A process that was killed can leave half a line; the next one must not continue it.
            if end and os.pread(descriptor, 1, end - 1) != b"\n":
                lines = b"\n" + lines
            file.write(lines)
            os.fsync(descriptor)

    def _read(self) -> list[dict[str, Any]]:
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return []
        entries = []
        for line in raw.splitlines():
            try:
                entries.append(orjson.loads(line))
            except orjson.JSONDecodeError:
                continue
        return entries
