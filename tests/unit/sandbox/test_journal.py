"""The file of JSON lines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from danqing_providers.sandbox.journal import Journal, line_length
from danqing_providers.sandbox.ledger import Ledger, Purchase, fingerprint

IMAGE = Purchase(
    dialect="ark",
    time_s=1_795_489_044.231,
    request_id="02",
    client_request_id="c",
    model="m",
    prompt="山水",
    image_index=0,
    size="1280x720",
    api_key="f",
)


class TestJournal:
    """Appending together, reading back."""

    async def test_concurrent_appends_are_all_there(self, tmp_path: Path) -> None:
        """Each caller gets the offset of its own first line, which reads back as what it wrote."""
        async with Journal(tmp_path / "lines", durable=True) as journal:
            batches = [[{"n": number, "of": part} for part in range(1 + number % 3)] for number in range(50)]
            offsets = await asyncio.gather(*(journal.append(batch) for batch in batches))
            for offset, batch in zip(offsets, batches, strict=True):
                assert journal.read_at(offset, line_length(batch[0])) == batch[0]
            assert len(list(journal.read_all())) == sum(len(batch) for batch in batches)

    async def test_torn_line_is_skipped(self, tmp_path: Path) -> None:
        """What a crash left of a line is ended by the next start; the lines before and after it count."""
        path = tmp_path / "lines"
        path.write_bytes(b'{"n":1}\n{"n":2}\n{"n":3,"pro')
        async with Journal(path, durable=True) as journal:
            await journal.append([{"n": 4}])
            assert [entry["n"] for _, _, entry in journal.read_all()] == [1, 2, 4]

    async def test_failed_write_leaves_no_trace(self, tmp_path: Path) -> None:
        """Who could not write is told, and the file is as before."""
        journal = Journal(tmp_path / "lines", durable=True)
        await journal.append([{"n": 1}])
        journal.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            await journal.append([{"n": 2}])
        assert (tmp_path / "lines").read_bytes() == b'{"n":1}\n'


class TestLedger:
    """The billed images."""

    async def test_line(self, tmp_path: Path) -> None:
        """A line holds what a test needs to tell one bill from another."""
        async with Ledger(tmp_path) as ledger:
            await ledger.bill([IMAGE])
            (entry,) = (await ledger.read())["entries"]
        assert entry["n"] == 1
        assert entry["time"] == "2026-11-24T02:57:24.231Z"
        assert entry["prompt"] == "山水"
        assert len(entry["prompt_sha256"]) == 64
        assert set(entry) == {
            *("n", "time", "request_id", "client_request_id", "model"),
            *("prompt", "prompt_sha256", "image_index", "size", "api_key", "dialect", "kind", "quantity", "unit"),
            *("cost_micro", "currency", "idempotency_key", "job", "work", "delivered"),
        }

    async def test_after_leaves_out_the_first(self, tmp_path: Path) -> None:
        """Entries keep their numbers; the totals count all."""
        async with Ledger(tmp_path) as ledger:
            await ledger.bill([IMAGE, IMAGE, IMAGE])
            read = await ledger.read(after=2)
        assert ([entry["n"] for entry in read["entries"]], read["total"], read["by_model"]) == ([3], 3, {"m": 3})

    async def test_clear(self, tmp_path: Path) -> None:
        """After it, numbers start at 1 again."""
        async with Ledger(tmp_path) as ledger:
            await ledger.bill([IMAGE, IMAGE])
            await ledger.clear()
            await ledger.bill([IMAGE])
            assert [entry["n"] for entry in (await ledger.read())["entries"]] == [1]

    def test_key_is_not_in_its_fingerprint(self) -> None:
        """The fingerprint is a short hash."""
        assert fingerprint("secret-key") != fingerprint("other-key")
        assert len(fingerprint("secret-key")) == 12
