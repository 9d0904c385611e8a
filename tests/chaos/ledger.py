"""The books of a run: what the ledger says, what the tasks say, and what `GET /api/v1/usage` makes of it.

Read out of the run's own MongoDB, once everything has been told.
"""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp

from danqing_server.life.booking import posting_of
from danqing_server.records.accounts import COSTS, Posting
from danqing_server.settings.server import Settings
from danqing_server.store.client import Database, connect
from danqing_server.store.ledger import LedgerStore
from danqing_server.store.reading import readable
from tests.chaos.verdict import Verdict

__all__ = ["database_at", "judge_ledger"]

TOLD_WITHIN_S = 90.0
LOOK_EVERY_S = 1.0
AT_ONCE = 200
MICRO = 1_000_000
VOIDED = "not_acknowledged"
"""Of a submission that was answered by 503 and cancelled: nobody was told of a task, and none is booked."""

_UNTOLD: dict[str, Any] = {"untold": {"$gt": {}}}


async def judge_ledger(verdict: Verdict, mongo_url: str, base_url: str, headers: Mapping[str, str]) -> None:
    """Note each task that the ledger does not say the whole of, and each sum that two places tell differently."""
    async with database_at(mongo_url) as database:
        if left := await _until_told(database):
            verdict.break_promise(None, "ledger", f"{left} changes are told to nobody after {TOLD_WITHIN_S:.0f} s")
        booked = 0
        async for postings, lacking in _compared(database):
            booked += postings
            for task_id in lacking:
                verdict.break_promise(None, "ledger", f"{task_id}: the ledger lacks something of it")
        verdict.counts["postings of tasks that are there"] = booked
        sums = await _sums(database)
    for wrong in await _usage_differs(base_url, headers, sums):
        verdict.break_promise(None, "ledger", wrong)


@asynccontextmanager
async def database_at(mongo_url: str) -> AsyncIterator[Database]:
    """Yield the run's own database."""
    async with connect(Settings.read({"MONGO_URL": mongo_url})) as database:
        yield database


async def _until_told(database: Database) -> int:
    """Wait until nothing is left to be told; return how much is after all."""
    ends_s = time.monotonic() + TOLD_WITHIN_S
    while True:
        left = 0
        for name in ("danqing_tasks", "danqing_deleted"):
            left += await database[name].count_documents(_UNTOLD)
        if not left or time.monotonic() > ends_s:
            return left
        await asyncio.sleep(LOOK_EVERY_S)


async def _compared(database: Database) -> AsyncIterator[tuple[int, Sequence[str]]]:
    """Yield for some tasks at a time how many postings they have, and which of them lack one."""
    ledger, now = LedgerStore(database), datetime.now(UTC)
    ids = [document["_id"] for document in await database["danqing_tasks"].find({}, {"_id": 1}).to_list(None)]
    for first in range(0, len(ids), AT_ONCE):
        chosen = ids[first : first + AT_ONCE]
        tasks = readable(await database["danqing_tasks"].find({"_id": {"$in": chosen}}).to_list(None))
        booked = await ledger.of(chosen)
        told = [task for task in tasks if task.error is None or task.error.code != VOIDED]
        lacking = [task.id for task in told if posting_of(task, booked[task.id], now) is not None]
        yield sum(map(_count, booked.values())), lacking


def _count(postings: Sequence[Posting]) -> int:
    return len(postings)


async def _sums(database: Database) -> Counter[str]:
    """Return what the ledger says was paid, and may have been, in each currency, in millionths."""
    sums: Counter[str] = Counter()
    async for posting in database["danqing_ledger"].find({}, {"lines": 1}):
        for line in posting["lines"]:
            if line["kind"] in COSTS and line.get("currency"):
                sums[line["currency"]] += line.get("amount_micro", 0)
    return sums


async def _usage_differs(base_url: str, headers: Mapping[str, str], sums: Counter[str]) -> list[str]:
    """Return where the report differs from the ledger, as JSON or as CSV."""
    path = f"{base_url}/api/v1/usage?from=2020-01-01&group_by=provider,model"
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(path) as answer:
            told: dict[str, Any] = (await answer.json())["data"]
        async with session.get(f"{path}&format=csv") as answer:
            table = list(csv.DictReader(io.StringIO((await answer.text()).lstrip("\ufeff"))))
    found = {"as JSON": _paid(told["rows"]), "in its totals": _paid(told["totals"]), "as CSV": _paid(table)}
    wanted = {currency: amount for currency, amount in sums.items() if amount}
    return [f"the usage {how} is {paid}, the ledger {wanted}" for how, paid in found.items() if paid != wanted]


def _paid(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    paid: Counter[str] = Counter()
    for row in rows:
        if row["currency"]:
            paid[row["currency"]] += int((Decimal(row["settled"]) + Decimal(row["unknown"])) * MICRO)
    return {currency: amount for currency, amount in paid.items() if amount}
