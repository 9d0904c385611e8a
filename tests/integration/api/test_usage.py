"""What was spent, as JSON and CSV, by whatever is asked for; what a key has left; refusals over HTTP."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from danqing_server.records.tasks import FINISHED, Status
from tests.integration.api.conftest import Client, Reply
from tests.support.system import until

Open = Callable[..., Any]

ADMIN_KEY = "9" * 20
ALICE, BOB = "a" * 20, "b" * 20
SETTINGS = {"DANQING_ADMIN_KEY": ADMIN_KEY, "DANQING_API_KEYS": f"alice:{ALICE},bob:{BOB}"}
TASKS = "/api/v1/ai/tasks"


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def submit(api: Client, secret: str, n: int = 1, user_id: str = "u1") -> Reply:
    """Ask for *n* pictures."""
    body = {"type": "image", "model": "one", "user_id": user_id, "input": {"prompt": "a cat", "n": n}}
    return await api.ask("POST", TASKS, json=body, headers=bearer(secret))


async def buy(api: Client, secret: str, n: int = 1, user_id: str = "u1") -> str:
    """Buy *n* pictures, and wait until they are in the ledger."""
    task_id: str = (await submit(api, secret, n, user_id)).json["data"]["id"]

    async def is_booked() -> bool:
        ledger = api.services.store.database["danqing_ledger"]
        return await ledger.find_one({"task": task_id}) is not None

    await until(is_booked, what="the posting")
    return task_id


async def usage(api: Client, secret: str, query: str = "") -> Any:
    """Return what was spent."""
    reply = await api.ask("GET", f"/api/v1/usage{query}", headers=bearer(secret))
    assert reply.status == 200, reply.body
    return reply.json["data"]


async def limit(api: Client, project: str, **limits: Any) -> None:
    """Limit a project of the settings."""
    body = {"id": project, "name": project, "limits": limits}
    reply = await api.ask("POST", "/api/v1/projects", json=body, headers=bearer(ADMIN_KEY))
    assert reply.status == 201, reply.body


class TestUsage:
    async def test_a_project_sees_its_own_and_an_administrator_all(self, open_api: Open) -> None:
        """Nothing of another project is in any sum."""
        async with open_api(workers=True, **SETTINGS) as api:
            await buy(api, ALICE, n=2)
            await buy(api, BOB)
            [row] = (await usage(api, ALICE, "?group_by=project"))["rows"]
            assert row == {
                "project": "alice",
                "currency": "CNY",
                "completed": 1,
                "failed": 0,
                "cancelled": 0,
                "open": 0,
                "pictures": 2,
                "settled": "0.40",
                "unknown": "0.00",
                "reserved": "0.00",
            }
            everything = await usage(api, ADMIN_KEY, "?group_by=project,key")
            assert [(each["project"], each["key"], each["settled"]) for each in everything["rows"]] == [
                ("alice", "alice", "0.40"),
                ("bob", "bob", "0.20"),
            ]
            assert [total["settled"] for total in everything["totals"]] == ["0.60"]

    async def test_without_keys_nothing_is_hidden(self, open_api: Open) -> None:
        """The machine's own people see what they had booked."""
        async with open_api(workers=True, DANQING_LEDGER="all") as api:
            reply = await api.ask(
                "POST", TASKS, json={"type": "image", "model": "one", "user_id": "u", "input": {"prompt": "a"}}
            )
            await until(lambda: _is_counted(api), what="the posting")
            assert reply.status == 201

    @pytest.mark.parametrize(
        "path", ["/api/v1/usage?group_by=project", "/api/v1/stats/series?group=project&sandbox=include"]
    )
    async def test_what_was_spent_before_there_were_keys_is_in_the_sums(self, open_api: Open, path: str) -> None:
        """Nobody had asked until then: whoever sees every project does, a project sees its own."""
        body = {"type": "image", "model": "one", "user_id": "u", "input": {"prompt": "a"}}
        async with open_api(workers=True) as api:
            done = (await api.ask("POST", TASKS, json=body)).json["data"]["id"]
            await api.system.finished(done)
        async with open_api(workers=False) as api:
            assert (await api.ask("POST", TASKS, json=body)).status == 201
        async with open_api(workers=True, **SETTINGS) as api:
            await until(lambda: _has_ended_twice(api), what="the end of what waited")
            await buy(api, ALICE)
            told = (await api.ask("GET", path, headers=bearer(ADMIN_KEY))).json["data"]
            assert [row["settled"] for row in told["totals"]] == ["0.60"]
            own = (await api.ask("GET", path, headers=bearer(ALICE))).json["data"]
            assert [row["settled"] for row in own["totals"]] == ["0.20"]

    async def test_where_all_came_with_a_key_nothing_is_looked_for(self, open_api: Open) -> None:
        """No index is made for what cannot be there."""
        async with open_api(workers=True, **SETTINGS) as api:
            await buy(api, ALICE)
            assert (await usage(api, ADMIN_KEY))["totals"][0]["completed"] == 1
            assert "changed" not in await api.services.store.database["danqing_tasks"].index_information()

    async def test_open_tasks_are_reserved(self, open_api: Open) -> None:
        """At the most that they may cost, limited or not."""
        async with open_api(**SETTINGS) as api:
            await submit(api, ALICE, n=3)
            [row] = (await usage(api, ALICE))["rows"]
            assert (row["open"], row["reserved"], row["settled"]) == (1, "0.60", "0.00")

    async def test_split_by_everything_it_adds_up(self, open_api: Open) -> None:
        """To what it says without being split, and to the CSV, to the last cent."""
        async with open_api(workers=True, **SETTINGS) as api:
            for user_id in ("u1", "＝SUM(A1)", "u1"):
                await buy(api, ALICE, user_id=user_id)
            query = "?group_by=day,project,key,user,model,provider"
            data = await usage(api, ALICE, query)
            assert sorted((row["user"], row["completed"]) for row in data["rows"]) == [("u1", 2), ("＝SUM(A1)", 1)]
            assert [row["settled"] for row in data["totals"]] == ["0.60"]
            sheet = await api.session.get(f"{api.base}/api/v1/usage{query}&format=csv", headers=bearer(ALICE))
            asked = {**bearer(ALICE), "Accept": "text/csv"}
            accepted = await api.session.get(f"{api.base}/api/v1/usage{query}", headers=asked)
            text = await sheet.text()
            assert await accepted.text() == text
            assert sheet.content_type == "text/csv"
            rows = list(csv.DictReader(io.StringIO(text)))
            assert [row["settled"] for row in rows] == [row["settled"] for row in data["rows"]]
            assert {row["user"] for row in rows} == {"'＝SUM(A1)", "u1"}

    async def test_days_are_of_the_zone_that_is_asked_for(self, open_api: Open) -> None:
        """A moment is another day elsewhere."""
        async with open_api(workers=True, **SETTINGS) as api:
            await buy(api, ALICE)
            days = {
                (await usage(api, ALICE, f"?tz={zone}&from=2020-01-01&to=2999-01-01"))["rows"][0]["day"]
                for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago")
            }
            assert len(days) == 2  # they are 25 hours apart

    async def test_what_lies_outside_is_not_counted(self, open_api: Open) -> None:
        """Tasks count to when they were accepted."""
        async with open_api(workers=True, **SETTINGS) as api:
            await buy(api, ALICE)
            assert (await usage(api, ALICE, "?from=2020-01-01&to=2020-02-01"))["rows"] == []

    async def test_what_is_asked_wrongly_is_said(self, open_api: Open) -> None:
        """By field."""
        async with open_api(**SETTINGS) as api:
            wrong = {
                "tz=Mars": "tz",
                "tz=../etc/passwd": "tz",
                "group_by=moon": "group_by",
                "from=now": "from",
                "from=2026-02-01&to=2026-01-01": "to",
                "from=9999-12-31T23:59:59.999999Z": "to",
                "format=pdf": "format",
                "limit=0": "limit",
                "limit=10001": "limit",
                "cursor=x": "cursor",
                "cursor=W10": "cursor",
                "sum=1": "sum",
            }
            for query, field in wrong.items():
                english = {**bearer(ALICE), "Accept-Language": "en"}
                reply = await api.ask("GET", f"/api/v1/usage?{query}", headers=english)
                assert (reply.status, reply.json["details"][0]["field"]) == (400, field), query

    async def test_the_group_that_is_none_is_named(self, open_api: Open) -> None:
        """Among those that are."""
        async with open_api(**SETTINGS) as api:
            query = "/api/v1/usage?group_by=day,moon,user"
            reply = await api.ask("GET", query, headers=bearer(ALICE))
            assert [each["value"] for each in reply.json["details"]] == ["moon"]


class TestLimits:
    async def test_a_budget_that_is_used_up_is_402(self, open_api: Open) -> None:
        """With whose it is, and until when; what other projects have is theirs."""
        async with open_api(workers=True, **SETTINGS) as api:
            await limit(api, "alice", spend_per_day={"CNY": "2.00"})
            answers = await asyncio.gather(*(submit(api, ALICE) for _ in range(64)))
            assert sorted(answer.status for answer in answers) == [201] * 10 + [402] * 54
            refused = next(answer for answer in answers if answer.status == 402)
            assert (refused.json["code"], refused.json["retryable"]) == ("budget_exceeded", False)
            assert "alice" in refused.json["message"]
            assert "2.00 CNY" in refused.json["message"]
            assert (await submit(api, BOB)).status == 201
            ids = [answer.json["data"]["id"] for answer in answers if answer.status == 201]
            await until(lambda: _have_ended(api, ids), what="ten tasks")
            assert (await submit(api, ALICE)).status == 402

    async def test_what_never_has_room_is_not_to_be_asked_again(self, open_api: Open) -> None:
        """More outputs than may be in flight: no `Retry-After` leads a client to wait for what never comes."""
        async with open_api(**SETTINGS) as api:
            await limit(api, "alice", pictures_in_flight=4)
            never = await submit(api, ALICE, n=5)
            assert (never.status, never.json["code"], never.json["retryable"]) == (429, "too_many_tasks", False)
            assert "retry-after" not in never.headers
            body = {"model": "one", "prompt": "a cat", "n": 5}
            never = await api.ask("POST", "/v1/images/generations", json=body, headers=bearer(ALICE))
            assert (never.status, never.headers["x-should-retry"]) == (429, "false")
            assert (await submit(api, ALICE, n=4)).status == 201
            later = await submit(api, ALICE, n=4)
            assert (later.status, later.json["retryable"], later.headers["retry-after"]) == (429, True, "10")

    async def test_openais_clients_hear_it_in_their_words(self, open_api: Open) -> None:
        """429 `insufficient_quota`, and not to try again."""
        async with open_api(**SETTINGS) as api:
            await limit(api, "alice", spend_per_month={"CNY": "0"})
            body = {"model": "one", "prompt": "a cat"}
            refused = await api.ask("POST", "/v1/images/generations", json=body, headers=bearer(ALICE))
            assert (refused.status, refused.json["error"]["code"]) == (429, "insufficient_quota")
            assert refused.headers["x-should-retry"] == "false"

    async def test_a_key_sees_what_it_has_left(self, open_api: Open) -> None:
        """In numbers that are easy to show, and exactly."""
        async with open_api(workers=True, **SETTINGS) as api:
            await limit(api, "alice", spend_per_day={"CNY": "1.00"}, spend_per_month={"CNY": "20.00"})
            await buy(api, ALICE, n=4)
            data = (await api.ask("GET", "/api/v1/key", headers=bearer(ALICE))).json["data"]
            assert (data["limit"], data["limit_remaining"], data["limit_reset"]) == (1.0, 0.2, "daily")
            assert (data["usage_daily"], data["usage_monthly"], data["currency"]) == (0.8, 0.8, "CNY")
            day, month = data["limits"]
            assert (day["used"], day["remaining"], day["warning"]) == ("0.80", "0.20", True)
            assert (month["window"], month["limit"], month["warning"]) == ("month", "20.00", False)

    async def test_a_key_without_limits_has_none(self, open_api: Open) -> None:
        """Null, not 0."""
        async with open_api(**SETTINGS) as api:
            data = (await api.ask("GET", "/api/v1/key", headers=bearer(BOB))).json["data"]
            assert (data["limit"], data["limit_remaining"], data["limits"]) == (None, None, [])
            assert (data["key"], data["project"], data["usage"]) == ("bob", "bob", 0.0)

    async def test_a_model_that_is_not_allowed_is_403(self, open_api: Open) -> None:
        """Before anything is set aside."""
        async with open_api(**SETTINGS) as api:
            await limit(api, "alice", models=["other-*"])
            refused = await submit(api, ALICE)
            assert (refused.status, refused.json["code"]) == (403, "model_not_allowed")


async def _is_counted(api: Client) -> bool:
    reply = await api.ask("GET", "/api/v1/usage?group_by=project")
    return any(row["completed"] == 1 and row["project"] is None for row in reply.json["data"]["rows"])


async def _have_ended(api: Client, ids: list[str]) -> bool:
    tasks = [await api.services.store.get(task_id) for task_id in ids]
    return all(task is not None and task.status in FINISHED - {Status.FAILED} for task in tasks)


async def _has_ended_twice(api: Client) -> bool:
    ended = await api.services.store.database["danqing_tasks"].count_documents({"status": Status.COMPLETED.value})
    return bool(ended == 2)
