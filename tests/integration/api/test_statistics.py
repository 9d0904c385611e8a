"""What was spent over time: out of the ledger and of what is kept of it, which say the same to the millionth."""

from __future__ import annotations

import asyncio
import csv
import io
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from danqing_plugins.billing import Billed
from danqing_server.doors.costs import price_text
from danqing_server.records.accounts import LineKind, Posting, PostingLine
from danqing_server.store.ledger import LedgerStore
from danqing_server.store.sheets import SheetStore
from tests.integration.api.conftest import Client
from tests.integration.api.test_usage import ADMIN_KEY, ALICE, BOB, SETTINGS, TASKS, bearer, buy, usage
from tests.support.system import until

Open = Callable[..., Any]

ZONES = ("UTC", "Asia/Shanghai", "America/Los_Angeles", "Asia/Kathmandu")
CHANGED = ("Asia/Almaty", "America/Ciudad_Juarez")
"""Where the rules of MongoDB 6.0 are older than the law: of the second it does not know the name."""

NOW = datetime.now(UTC).replace(microsecond=0)
WORDS = {"model": ("one", "two", None), "user": ("mei", "omar", "=SUM(A1)")}


async def series(api: Client, secret: str, query: str = "") -> Any:
    """Return statistics."""
    reply = await api.ask("GET", f"/api/v1/stats/series{query}", headers=bearer(secret))
    assert reply.status == 200, reply.body
    return reply.json["data"]


def posting(task: str, at: datetime, *lines: dict[str, Any], number: int = 0, **fields: Any) -> Posting:
    """Return a posting of *lines*, each of which was paid for one completed task unless it says otherwise."""
    usual = {
        "kind": LineKind.SETTLE,
        "at": at,
        "provider": "scripted",
        "model": "one",
        "billed": Billed.YES,
        "currency": "CNY",
        "amount_micro": 200_000,
        "pictures": 1,
        "call": task,
        "status": "completed",
        "tasks": 1,
        "simulated": False,
    }
    made = tuple(PostingLine(**{**usual, **line}) for line in (lines or ({},)))
    whose = {"project": "alice", "key": "alice", "user": "mei", **fields}
    return Posting(task=task, number=number, at=at, lines=made, **whose)


def history(chance: random.Random, days: int, count: int) -> list[Posting]:
    """Return what a project may have bought in the last *days*."""
    made = []
    for number in range(count):
        at = NOW - timedelta(milliseconds=chance.randrange(days * 86_400_000))
        line = {
            "model": chance.choice(["one", "two", "three"]),
            "amount_micro": chance.choice([200_000, 250_000, 123_456]),
            "currency": chance.choice(["CNY", "CNY", "USD"]),
            "billed": chance.choice([Billed.YES, Billed.YES, Billed.UNKNOWN]),
            "status": chance.choice(["completed", "completed", "failed", "cancelled"]),
        }
        made.append(posting(f"t{number}", at, line, user=chance.choice(["mei", "omar", "lin"])))
    return made


def by_day(postings: Iterable[Posting], zone: str) -> dict[tuple[str, str | None], dict[str, int]]:
    """Return what each day of *zone* came to, counted by hand."""
    found: defaultdict[tuple[str, str | None], defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for each in postings:
        for line in each.lines:
            day = f"{line.at.astimezone(ZoneInfo(zone)):%Y-%m-%d}"
            sums = found[day, line.currency]
            sums[str(line.status)] += line.tasks
            if line.billed is Billed.YES:
                sums["settled"] += line.amount_micro
                sums["lost"] += line.amount_micro if line.status != "completed" else 0
            else:
                sums["unknown"] += line.amount_micro
                sums["in_doubt"] += 1
    return {place: dict(sums) for place, sums in found.items()}


def as_counted(data: Any, zone: str) -> dict[tuple[str, str | None], dict[str, int]]:
    """Return the same of an answer."""
    found = {}
    for step in data["steps"]:
        day = f"{datetime.fromisoformat(step['start']).astimezone(ZoneInfo(zone)):%Y-%m-%d}"
        counts = {name: step[name] for name in ("completed", "failed", "cancelled", "in_doubt")}
        money = {name: round(float(step[name]) * 1_000_000) for name in ("settled", "unknown", "lost")}
        found[day, step["currency"]] = {name: value for name, value in {**counts, **money}.items() if value}
    return found


def without_zeros(counted: dict[Any, dict[str, int]]) -> dict[Any, dict[str, int]]:
    return {place: {name: value for name, value in sums.items() if value} for place, sums in counted.items()}


def summed(rows: Sequence[Any], currency: str) -> str:
    """Return what the rows of a currency come to."""
    return price_text(sum(round(float(row["settled"]) * 1_000_000) for row in rows if row["currency"] == currency))


class TestSeries:
    async def test_each_zone_has_its_own_days_and_the_same_sum(self, open_api: Open) -> None:
        """Counted by hand, out of the ledger at first, and out of what is kept of it after that."""
        made = history(random.Random(21), days=40, count=300)
        since = f"{NOW - timedelta(days=50):%Y-%m-%d}"
        async with open_api(**SETTINGS) as api:
            database = api.services.store.database
            await LedgerStore(database).add(made)
            for zone in (*ZONES, *CHANGED, *ZONES):
                data = await series(api, ALICE, f"?from={since}&tz={zone}")
                assert as_counted(data, zone) == without_zeros(by_day(made, zone)), zone
                assert data["tz"] == zone
            assert await database["danqing_stats"].count_documents({"rows": {"$exists": True}}) > 30

    async def test_usage_and_statistics_have_the_days_that_limits_go_by(self, open_api: Open) -> None:
        """Also of a zone that MongoDB does not know, or whose clocks were changed by law since its release."""
        made = history(random.Random(7), days=200, count=400)
        since = f"{NOW - timedelta(days=210):%Y-%m-%d}"
        async with open_api(**SETTINGS) as api:
            await LedgerStore(api.services.store.database).add(made)
            for zone in (*ZONES, *CHANGED):
                by_hand = {
                    (day, currency): price_text(sums.get("settled", 0))
                    for (day, currency), sums in by_day(made, zone).items()
                }
                rows = (await usage(api, ALICE, f"?from={since}&tz={zone}"))["rows"]
                assert {(row["day"], row["currency"]): row["settled"] for row in rows} == by_hand, zone
                data = await series(api, ALICE, f"?from={since}&tz={zone}&by=month")
                for currency in ("CNY", "USD"):
                    assert summed(data["steps"], currency) == summed(rows, currency), zone

    async def test_what_is_learned_late_is_in_what_is_kept(self, open_api: Open) -> None:
        """Whatever is booked of a day that was summed up before."""
        old = NOW - timedelta(days=9)
        async with open_api(**SETTINGS) as api:
            database = api.services.store.database
            doubt = {"billed": Billed.UNKNOWN, "status": "failed"}
            ledger, first = LedgerStore(database), posting("t", old, doubt)
            await ledger.add([first])
            query = f"?from={old:%Y-%m-%d}&group=user"
            [total] = (await series(api, ALICE, query))["totals"]
            assert (total["unknown"], total["settled"], total["in_doubt"], total["failed"]) == (
                "0.20",
                "0.00",
                1,
                1,
            )
            adjust = {"kind": LineKind.ADJUST, "status": None, "tasks": 0}
            second = posting(
                "t",
                old,
                {**adjust, "billed": Billed.UNKNOWN, "amount_micro": -200_000, "pictures": -1},
                adjust,
                number=1,
            )
            await ledger.add([second])
            await SheetStore(database).forget([second], api.services.clock.now())
            [total] = (await series(api, ALICE, query))["totals"]
            assert (total["unknown"], total["settled"], total["in_doubt"]) == ("0.00", "0.20", 0)
            assert total["lost"] == "0.20"  # it failed all the same

    async def test_what_failed_elsewhere_is_lost_where_it_was_paid(self, open_api: Open) -> None:
        """One target of a route was paid, another one failed; by whatever it is split, and once it is kept, too."""
        old = NOW - timedelta(days=9)
        paid = {"provider": "dear", "model": "first", "status": None, "tasks": 0}
        end = {"amount_micro": 0, "pictures": 0, "billed": Billed.NO, "call": None}
        async with open_api(**SETTINGS) as api:
            made = [posting(f"t{at:%d}", at, paid, {**end, "status": "failed"}) for at in (old, NOW)]
            made.append(posting("well", old, paid, {**end, "status": "completed"}))
            await LedgerStore(api.services.store.database).add(made)
            for group in ("provider", "model", "key", "user", "provider"):
                data = await series(api, ALICE, f"?from={old:%Y-%m-%d}&group={group}")
                [total] = data["totals"]
                assert (total["settled"], total["lost"], total["failed"]) == ("0.60", "0.40", 2), group
                if group == "provider":
                    lost = {row["name"]: row["lost"] for row in data["groups"]}
                    assert lost == {"dear": "0.40", "scripted": "0.00"}

    async def test_what_an_earlier_round_paid_is_lost_while_its_task_is(self, open_api: Open) -> None:
        """Each round counts to its own day, and how the task ended to the last one's."""
        days = [NOW - timedelta(days=number) for number in (9, 6, 3)]
        moved = {"kind": LineKind.ADJUST, "amount_micro": 0, "pictures": 0, "billed": Billed.NO, "call": None}
        moved |= {"status": "failed", "tasks": -1}
        async with open_api(**SETTINGS) as api:
            database, now = api.services.store.database, api.services.clock.now()
            ledger, sheets, booked = LedgerStore(database), SheetStore(database), list[Posting]()

            async def lost_after(*lines: dict[str, Any]) -> list[str]:
                booked.append(posting("t", now, *lines, number=len(booked)))
                await ledger.add(booked[-1:])
                await sheets.forget(booked, now)
                found = [await series(api, ALICE, f"?from={days[0]:%Y-%m-%d}") for _ in range(2)]
                assert found[0]["steps"] == found[1]["steps"]
                return [row["lost"] for row in found[0]["steps"]]

            first, second, third = days
            failed = {"status": "failed"}
            assert await lost_after({"at": first, **failed}) == ["0.20"]
            assert await lost_after({**moved, "at": first}, {"at": second, "call": "2", **failed}) == ["0.20"] * 2
            assert await lost_after({**moved, "at": second}, {"at": third, "call": "3"}) == ["0.00"] * 3

    async def test_what_is_forgotten_while_it_is_counted_is_not_kept(self, open_api: Open) -> None:
        """Many who count, and one who books, at once: what is kept in the end has all of it."""
        days = [NOW - timedelta(days=number) for number in range(3, 9)]
        async with open_api(**SETTINGS) as api:
            database = api.services.store.database
            ledger, sheets = LedgerStore(database), SheetStore(database)
            query = f"?from={days[-1]:%Y-%m-%d}"
            await ledger.add([posting("first", days[-1])])

            async def book(number: int) -> None:
                made = [posting(f"t{number}-{place}", day) for place, day in enumerate(days)]
                await ledger.add(made)
                await sheets.forget(made, api.services.clock.now())

            async def look() -> None:
                for _ in range(4):
                    await series(api, ALICE, query)

            await asyncio.gather(*(book(number) for number in range(12)), *(look() for _ in range(4)))
            for _ in range(2):
                [total] = (await series(api, ALICE, query))["totals"]
                assert total["completed"] == 12 * 6 + 1

    async def test_groups_and_cells_add_up_to_the_total(self, open_api: Open) -> None:
        """By whatever it is split; what is beyond the limit is one row, and nothing is lost."""
        made = history(random.Random(4), days=5, count=120)
        async with open_api(**SETTINGS) as api:
            await LedgerStore(api.services.store.database).add(made)
            since = f"{NOW - timedelta(days=6):%Y-%m-%d}"
            for group in ("model", "user", "key", "provider", "project"):
                data = await series(api, ALICE, f"?from={since}&group={group}&limit=2")
                for currency in ("CNY", "USD"):
                    [total] = [each for each in data["totals"] if each["currency"] == currency]
                    for rows in ("groups", "cells", "steps"):
                        assert summed(data[rows], currency) == total["settled"], (group, rows)
            data = await series(api, ALICE, f"?from={since}&group=user&limit=2")
            assert {(row["name"] is None, row["others"]) for row in data["groups"]} == {(False, 0), (True, 1)}
            assert len({row["name"] for row in data["groups"]}) == 3

    @pytest.mark.parametrize(("by", "steps"), [("half_hour", 48), ("hour", 24), ("day", 1), ("month", 1)])
    async def test_every_step_is_there(self, open_api: Open, by: str, steps: int) -> None:
        """With nothing in it, too: a chart has no gaps to guess."""
        async with open_api(**SETTINGS) as api:
            data = await series(api, ALICE, f"?from=2026-03-01&to=2026-03-02&by={by}&tz=Asia/Kathmandu")
            assert len(data["starts"]) == steps
            assert data["starts"][0] == "2026-02-28T18:15:00Z"
            assert (data["steps"], data["totals"]) == ([], [])

    async def test_a_day_of_another_length_is_one_day(self, open_api: Open) -> None:
        """Los Angeles has one of 23 hours in March."""
        async with open_api(**SETTINGS) as api:
            query = "?from=2026-03-07&to=2026-03-10&tz=America/Los_Angeles"
            starts = (await series(api, ALICE, query))["starts"]
            assert starts == ["2026-03-07T08:00:00Z", "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z"]

    async def test_simulated_money_is_nobodys(self, open_api: Open) -> None:
        """It is told who asks for it, and stays simulated when its provider is real one day."""
        async with open_api(**SETTINGS) as api:
            await LedgerStore(api.services.store.database).add(
                [posting("played", NOW, {"simulated": True}), posting("old", NOW, {"simulated": None})]
            )
            [total] = (await series(api, ALICE))["totals"]
            assert total["settled"] == "0.20"  # what a release before this one booked is judged by its provider
            [total] = (await series(api, ALICE, "?sandbox=include"))["totals"]
            assert total["settled"] == "0.40"
            [total] = (await usage(api, ALICE))["totals"]
            assert total["settled"] == "0.40"  # as limits count it

    async def test_projects_never_see_each_other(self, open_api: Open) -> None:
        """Neither their sums, nor their users, nor what they keep; who oversees the server sees both."""
        yesterday = NOW - timedelta(days=3)
        async with open_api(**SETTINGS) as api:
            whose = {"project": "bob", "key": "bob", "user": "secret person"}
            await LedgerStore(api.services.store.database).add(
                [posting("a", yesterday), posting("b", yesterday, **whose)]
            )
            query = f"?from={yesterday:%Y-%m-%d}&group=user"
            for _ in range(2):
                alice, bob = await series(api, ALICE, query), await series(api, BOB, query)
                assert [row["name"] for row in alice["groups"]] == ["mei"]
                assert [row["name"] for row in bob["groups"]] == ["secret person"]
            everybody = await series(api, ADMIN_KEY, f"?from={yesterday:%Y-%m-%d}&group=project")
            assert sorted((row["name"], row["settled"]) for row in everybody["groups"]) == [
                ("alice", "0.20"),
                ("bob", "0.20"),
            ]

    async def test_the_sheet_says_the_same_and_its_sum(self, open_api: Open) -> None:
        """In days of the zone; no cell is a formula; the last row is the sum."""
        noon = NOW - timedelta(days=2)
        async with open_api(**SETTINGS) as api:
            await LedgerStore(api.services.store.database).add(
                [posting("a", noon, user="=SUM(A1)"), posting("b", noon, {"billed": Billed.UNKNOWN}, user="omar")]
            )
            query = f"?from={noon:%Y-%m-%d}&group=user&tz=Asia/Shanghai&limit=1"
            asked = {**bearer(ALICE), "Accept": "text/csv"}
            reply = await api.session.get(f"{api.base}/api/v1/stats/series{query}", headers=asked)
            assert (reply.status, reply.content_type) == (200, "text/csv")
            assert reply.headers["content-disposition"].startswith('attachment; filename="costs-')
            *rows, total = csv.DictReader(io.StringIO(await reply.text()))
            day = f"{noon.astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%d}"
            assert [(row["day"], row["user"], row["settled"], row["unknown"]) for row in rows] == [
                (day, "'=SUM(A1)", "0.20", "0.00"),
                (day, "omar", "0.00", "0.20"),
            ]
            assert (total["day"], total["settled"], total["unknown"], total["in_doubt"]) == (
                "total",
                "0.20",
                "0.20",
                "1",
            )

    async def test_what_is_asked_wrongly_is_said(self, open_api: Open) -> None:
        """By field."""
        async with open_api(**SETTINGS) as api:
            wrong = {
                "tz=Mars": "tz",
                "by=minute": "by",
                "group=moon": "group",
                "from=2026-02-01&to=2026-01-01": "to",
                "from=2020-01-01&to=2026-01-01": "to",
                "from=0001-01-01": "to",
                "from=0001-01-01&to=0001-01-02&tz=Asia/Shanghai": "from",
                "from=9999-12-31": "from",
                "from=9999-12-31T23:59:59.999999Z": "to",
                "limit=0": "limit",
                "sandbox=yes": "sandbox",
                "sum=1": "sum",
            }
            for query, field in wrong.items():
                english = {**bearer(ALICE), "Accept-Language": "en"}
                reply = await api.ask("GET", f"/api/v1/stats/series?{query}", headers=english)
                assert (reply.status, reply.json["details"][0]["field"]) == (400, field), query


class TestManyNames:
    async def test_usage_comes_in_pages(self, open_api: Open) -> None:
        """Each row once, in the order of the names, and the sums of all on each page; a sheet has all of it."""
        async with open_api(**SETTINGS) as api:
            users = ["", "=1+1", "李", *(f"u{number:02}" for number in range(20))]
            made = [posting(f"t-{user}", NOW, user=user) for user in users]
            free = {"currency": None, "amount_micro": 0}
            made.append(posting("dollar", NOW, {"currency": "USD"}, user="u05"))
            made.append(posting("free", NOW, free, user="u06"))
            await LedgerStore(api.services.store.database).add(made)
            rows, cursor, pages = [], "", 0
            while cursor is not None:
                data = await usage(api, ALICE, f"?group_by=user,model&limit=7{cursor and f'&cursor={cursor}'}")
                totals = {each["currency"]: each["completed"] for each in data["totals"]}
                assert totals == {None: 1, "CNY": 23, "USD": 1}
                assert len(data["rows"]) <= 7
                rows += data["rows"]
                cursor, pages = data["next_cursor"], pages + 1
            assert pages == 4
            assert [row["user"] for row in rows] == sorted([*users, "u05", "u06"])
            assert len({(row["user"], row["currency"]) for row in rows}) == 25
            sheet = await api.session.get(
                f"{api.base}/api/v1/usage?group_by=user,model&format=csv&limit=7", headers=bearer(ALICE)
            )
            assert len(list(csv.DictReader(io.StringIO(await sheet.text())))) == 25

    async def test_projects_are_asked_for_together(self, open_api: Open) -> None:
        """By whatever it is split: a question for each of some hundreds took seconds."""
        days = [NOW - timedelta(days=number) for number in range(6)]
        made = [
            posting(f"{name}-{number}", day, project=name, key=f"key of {name}")
            for place, name in enumerate([None, *(f"p{number}" for number in range(60))])
            for number, day in enumerate(days[: 1 + place % 6])
        ]
        by_project = Counter(each.project for each in made)
        async with open_api(**SETTINGS) as api:
            database = api.services.store.database
            await LedgerStore(database).add(made)
            since = f"{days[-1]:%Y-%m-%d}"
            for group in ("project", "project", "key", "user", "model"):
                before = await _asked(database)
                data = await series(api, ADMIN_KEY, f"?from={since}&group={group}&limit=200")
                assert await _asked(database) - before < 40, group
                assert [each["completed"] for each in data["totals"]] == [len(made)]
                if group in ("project", "key"):
                    names_of = {row["name"]: row["completed"] for row in data["groups"]}
                    wanted = {name if group == "project" else f"key of {name}": n for name, n in by_project.items()}
                    assert names_of == wanted
            again = [posting("late", days[-1], project="p2")]
            await LedgerStore(database).add(again)
            await SheetStore(database).forget(again, api.services.clock.now())
            data = await series(api, ADMIN_KEY, f"?from={since}&group=project&limit=200")
            found = {row["name"]: row["completed"] for row in data["groups"]}
            assert found == {**by_project, "p2": by_project["p2"] + 1}


async def _asked(database: Any) -> int:
    """Return how many questions MongoDB answered so far."""
    commands = (await database.client.admin.command("serverStatus"))["metrics"]["commands"]
    return sum(int(commands[name]["total"]) for name in ("find", "aggregate", "distinct", "update"))


class TestBooking:
    async def test_what_was_bought_a_moment_ago_is_there(self, open_api: Open) -> None:
        """With what an open task may still cost beside it."""
        async with open_api(workers=True, **SETTINGS) as api:
            await buy(api, ALICE, n=2)
            data = await series(api, ALICE, "?group=model")
            [total] = data["totals"]
            assert (total["settled"], total["pictures"], total["completed"]) == ("0.40", 2, 1)
            assert [(row["name"], row["settled"]) for row in data["groups"]] == [("one", "0.40")]
            assert data["open"] == []

    async def test_open_tasks_are_told_beside_it(self, open_api: Open) -> None:
        """At the most that they may cost."""
        async with open_api(**SETTINGS) as api:
            body = {"type": "image", "model": "one", "user_id": "u", "input": {"prompt": "a cat", "n": 3}}
            await api.ask("POST", TASKS, json=body, headers=bearer(ALICE))
            assert (await series(api, ALICE))["open"] == [{"currency": "CNY", "tasks": 1, "reserved": "0.60"}]

    async def test_without_keys_it_is_booked_when_somebody_asks(self, open_api: Open) -> None:
        """Also what was made long before; a second look books nothing twice, and a retry's change is seen."""
        body = {"type": "image", "model": "one", "user_id": "u", "input": {"prompt": "a cat", "n": 2}}
        async with open_api(workers=True) as api:
            ids = [(await api.ask("POST", TASKS, json=body)).json["data"]["id"] for _ in range(3)]
            tasks = api.services.store.database["danqing_tasks"]

            async def have_ended() -> bool:
                return await tasks.count_documents({"_id": {"$in": ids}, "status": "completed"}) == 3

            await until(have_ended, what="three tasks")
            assert "danqing_ledger" not in await api.services.store.database.list_collection_names()
            for _ in range(2):
                data = (await api.ask("GET", "/api/v1/stats/series")).json["data"]
                assert data["complete"]
                assert [(each["settled"], each["completed"]) for each in data["totals"]] == [("1.20", 3)]

    async def test_more_than_can_be_booked_at_once_is_said_to_be(self, open_api: Open) -> None:
        """Who asks again gets further. Where an answer has no place to say so, there is none that is wrong."""
        body = {"type": "image", "model": "one", "user_id": "u", "input": {"prompt": "a cat"}}
        async with open_api(workers=True) as api:
            task_id = (await api.ask("POST", TASKS, json=body)).json["data"]["id"]
            tasks = api.services.store.database["danqing_tasks"]

            async def has_ended() -> bool:
                return await tasks.count_documents({"_id": task_id, "status": "completed"}) == 1

            await until(has_ended, what="the task")
            api.services.late_books.patience_s = -1.0
            assert (await api.ask("GET", "/api/v1/stats/series")).json["data"]["complete"] is False
            for query in ("usage", "usage?format=csv", "stats/series?format=csv"):
                refused = await api.ask("GET", f"/api/v1/{query}")
                assert (refused.status, refused.json["retryable"]) == (503, True), query
                assert "入账" in refused.json["message"]
            api.services.late_books.patience_s = 60.0
            data = (await api.ask("GET", "/api/v1/stats/series")).json["data"]
            assert (data["complete"], data["totals"][0]["completed"]) == (True, 1)
            assert (await api.ask("GET", "/api/v1/usage")).json["data"]["totals"][0]["completed"] == 1
