"""The ledger: one line for every image that Ark would have billed, on disk before the answer is sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import attrs

from danqing_providers.sandbox.journal import Journal
from danqing_providers.sandbox.prompts import prompt_hash

__all__ = ["BilledImage", "Ledger", "fingerprint"]

FILE_NAME = "ledger.jsonl"


def fingerprint(api_key: str) -> str:
    """Return the first 12 digits of the key's SHA-256: enough to tell keys apart, never the key."""
    return hashlib.sha256(api_key.encode()).hexdigest()[:12]


@attrs.frozen(kw_only=True)
class BilledImage:
    """One line of the ledger. `time_s` is seconds since the epoch, `size` is `WxH`."""

    time_s: float
    request_id: str
    client_request_id: str
    model: str
    prompt: str
    image_index: int
    size: str
    api_key: str

    def as_line(self) -> dict[str, Any]:
        """Return the JSON form: `time` is RFC 3339 in UTC, `prompt_sha256` is added."""
        time = datetime.fromtimestamp(self.time_s, UTC).isoformat(timespec="milliseconds")
        return {
            "time": time.replace("+00:00", "Z"),
            "request_id": self.request_id,
            "client_request_id": self.client_request_id,
            "model": self.model,
            "prompt": self.prompt,
            "prompt_sha256": prompt_hash(self.prompt),
            "image_index": self.image_index,
            "size": self.size,
            "api_key": self.api_key,
        }


class Ledger:
    """The file `ledger.jsonl` in the sandbox's data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._journal = Journal(data_dir / FILE_NAME, durable=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._journal.__aexit__(*exc)

    async def bill(self, images: Sequence[BilledImage]) -> None:
        """Write *images* down; returns when they are on disk. Raises: OSError."""
        if images:
            await self._journal.append([image.as_line() for image in images])

    async def read(self, after: int = 0) -> dict[str, Any]:
        """Return `{total, by_model, entries}`: entries are numbered (`n`) from 1, those up to *after* left out."""
        return await asyncio.to_thread(self._read, after)

    def _read(self, after: int) -> dict[str, Any]:
        by_model: Counter[str] = Counter()
        entries = []
        number = 0
        for number, (_, _, entry) in enumerate(self._journal.read_all(), start=1):
            by_model[str(entry.get("model"))] += 1
            if number > after:
                entries.append({"n": number, **entry})
        return {"total": number, "by_model": dict(by_model), "entries": entries}

    async def clear(self) -> None:
        """Forget everything."""
        await self._journal.clear()
