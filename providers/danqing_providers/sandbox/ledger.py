"""The ledger: one line for everything that a service would have billed, on disk before the answer is sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import attrs

from danqing_providers.sandbox.journal import Journal
from danqing_providers.sandbox.prompts import prompt_hash

__all__ = ["Ledger", "Purchase", "fingerprint"]

FILE_NAME: Final = "ledger.jsonl"
DELIVERIES_NAME: Final = "deliveries.jsonl"


def fingerprint(api_key: str) -> str:
    """Return the first 12 digits of the key's SHA-256: enough to tell keys apart, never the key."""
    return hashlib.sha256(api_key.encode()).hexdigest()[:12]


@attrs.frozen(kw_only=True)
class Purchase:
    """One line of the ledger.

    `time_s` is seconds since the epoch, `size` is `WxH` or empty. `kind` is `image`, `video`, `audio`, `model`,
    `text` or `file`. `quantity` of `unit` cost `cost_micro` millionths of `currency`; None where no price is known.
    `idempotency_key` is what the client called the purchase, empty where the service knows no such thing. `job` is
    the id of the job it is for, empty without one. `work` is the name under which what was bought is fetched; empty
    when the answer itself holds it.
    """

    time_s: float
    dialect: str
    model: str
    prompt: str
    request_id: str
    api_key: str
    kind: str = "image"
    image_index: int = 0
    size: str = ""
    client_request_id: str = ""
    quantity: float = 1
    unit: str = "output"
    cost_micro: int | None = None
    currency: str = ""
    idempotency_key: str = ""
    job: str = ""
    work: str = ""

    def as_line(self) -> dict[str, Any]:
        """Return the JSON form: `time` is RFC 3339 in UTC, `prompt_sha256` is added."""
        line = attrs.asdict(self)
        time = datetime.fromtimestamp(line.pop("time_s"), UTC).isoformat(timespec="milliseconds")
        return {"time": time.replace("+00:00", "Z"), "prompt_sha256": prompt_hash(self.prompt)} | line


class Ledger:
    """The file `ledger.jsonl` in the sandbox's data folder, and beside it what was delivered."""

    def __init__(self, data_dir: Path) -> None:
        self._journal = Journal(data_dir / FILE_NAME, durable=True)
        self._deliveries = Journal(data_dir / DELIVERIES_NAME, durable=False)
        self._delivered = {str(entry.get("name")) for _, _, entry in self._deliveries.read_all()}
        self._jobs = {_job_of(entry) for _, _, entry in self._journal.read_all() if entry.get("job")}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._journal.__aexit__(*exc)
        await self._deliveries.__aexit__(*exc)

    async def bill(self, purchases: Sequence[Purchase]) -> None:
        """Write *purchases* down; returns when they are on disk. A job is billed once. Raises: OSError."""
        lines = [purchase.as_line() for purchase in purchases]
        fresh = [line for line in lines if not line["job"] or _job_of(line) not in self._jobs]
        if fresh:
            await self._journal.append(fresh)
            self._jobs |= {_job_of(line) for line in fresh if line["job"]}

    def note_delivery(self, names: Iterable[str]) -> None:
        """Note that the whole of each of *names*, works or request ids, was sent to somebody. Blocks shortly."""
        fresh = [name for name in names if name and name not in self._delivered]
        if fresh:
            self._delivered.update(fresh)
            self._deliveries.append_now([{"name": name} for name in fresh])

    async def read(self, after: int = 0) -> dict[str, Any]:
        """Return `{total, by_model, cost_micro, entries}`.

        Entries are numbered (`n`) from 1, those up to *after* left out; `delivered` says whether the whole answer,
        or the file where it is a link, was sent. `cost_micro` is the sum for each currency.
        """
        return await asyncio.to_thread(self._read, after)

    def _read(self, after: int) -> dict[str, Any]:
        by_model: Counter[str] = Counter()
        cost: Counter[str] = Counter()
        entries = []
        number = 0
        for number, (_, _, entry) in enumerate(self._journal.read_all(), start=1):
            by_model[str(entry.get("model"))] += 1
            if entry.get("cost_micro") is not None:
                cost[str(entry.get("currency"))] += entry["cost_micro"]
            if number > after:
                delivered = (entry.get("work") or entry.get("request_id")) in self._delivered
                entries.append({"n": number, **entry, "delivered": delivered})
        return {"total": number, "by_model": dict(by_model), "cost_micro": dict(cost), "entries": entries}

    async def clear(self) -> None:
        """Forget everything."""
        await self._journal.clear()


def _job_of(line: dict[str, Any]) -> tuple[str, str, int]:
    return str(line.get("dialect")), str(line.get("job")), int(line.get("image_index") or 0)
