"""Many tasks cancelled, retried or deleted at once, by ids or by filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from danqing_server.models import CallOutcome, Status
from danqing_server.store.tasks import encode
from tests.integration.api.conftest import Client, Open
from tests.unit.api.tasks import NOW, make_task, paid_call

KEYS = "one:first-secret-of-many,two:second-secret-of-many"
ONE, TWO = ({"Authorization": f"Bearer {name}-secret-of-many"} for name in ("first", "second"))


async def _do(api: Client, act: str, headers: Mapping[str, str] | None = None, **body: Any) -> dict[str, Any]:
    reply = await api.ask("POST", f"/api/v1/tasks/{act}", json=body, headers=headers)
    assert reply.status == 200, reply.body
    data: dict[str, Any] = reply.json["data"]
    return data


async def _statuses(api: Client) -> dict[str, str]:
    rows = (await api.ask("GET", "/api/v1/tasks?limit=200")).json["data"]["tasks"]
    return {row["id"]: row["status"] for row in rows}


@pytest.fixture
async def shelf(api: Client) -> Client:
    """One task that waits, one that failed, one that failed and may be paid for, one that is completed."""
    call = paid_call(outcome=CallOutcome.UNKNOWN)
    for task in (
        make_task("waits", created_at=NOW),
        make_task("failed", Status.FAILED, created_at=NOW - timedelta(minutes=1)),
        make_task("doubtful", Status.FAILED, created_at=NOW - timedelta(minutes=2), calls={"c1": call}),
        make_task("made", Status.COMPLETED, created_at=NOW - timedelta(minutes=3)),
    ):
        await api.services.store.insert(task)
    return api


class TestByIds:
    async def test_each_task_has_its_own_outcome(self, shelf: Client) -> None:
        """What cannot be is told of that one, and stops no other."""
        data = await _do(shelf, "cancel", ids=["waits", "made", "nothing", "waits"])
        told = [(each["id"], each["done"], each["code"]) for each in data["results"]]
        assert told == [
            ("waits", True, None),
            ("made", False, "task_completed"),
            ("nothing", False, "task_not_found"),
        ]
        assert (data["matched"], data["possible"], data["next_cursor"]) == (3, 1, None)
        assert (await _statuses(shelf))["waits"] == "cancelled"

    async def test_what_may_be_paid_is_retried_on_demand_alone(self, shelf: Client) -> None:
        """It may be paid for again: who asks for that says so."""
        first = await _do(shelf, "retry", ids=["failed", "doubtful"])
        assert [each["code"] for each in first["results"]] == [None, "bill_unknown"]
        second = await _do(shelf, "retry", ids=["doubtful"], include_unknown=True)
        assert second["results"][0]["done"]
        found = await _statuses(shelf)
        assert (found["failed"], found["doubtful"]) == ("pending", "pending")

    async def test_deleted_ones_are_gone(self, shelf: Client) -> None:
        """Whatever their state."""
        data = await _do(shelf, "delete", ids=["waits", "made"])
        assert data["possible"] == 2
        assert set(await _statuses(shelf)) == {"failed", "doubtful"}


class TestByFilter:
    async def test_a_dry_run_changes_nothing(self, shelf: Client) -> None:
        """It counts, and says what retries cost at the most and how many may be paid for already."""
        before = await _statuses(shelf)
        data = await _do(shelf, "retry", filter={"user_id": "u1"}, dry_run=True)
        assert (data["dry_run"], data["matched"], data["possible"], data["unknown"]) == (True, 2, 2, 1)
        assert data["at_most"] == [{"amount": "0.40", "currency": "CNY"}]
        assert (data["complete"], data["results"]) == (True, [])
        assert await _statuses(shelf) == before

    async def test_it_goes_on_where_it_was(self, api: Client) -> None:
        """A part at a time, each task once, until there is no cursor."""
        many = [make_task(f"t{number:03}", created_at=NOW - timedelta(seconds=number)) for number in range(45)]
        await api.services.store.insert_many([encode(task) for task in many])
        done, cursor, rounds = [], None, 0
        while rounds == 0 or cursor is not None:
            data = await _do(api, "cancel", filter={"user_id": "u1"}, limit=20, cursor=cursor)
            done += [each["id"] for each in data["results"] if each["done"]]
            cursor, rounds = data["next_cursor"], rounds + 1
        assert (sorted(done), rounds) == (sorted(task.id for task in many), 3)
        assert set((await _statuses(api)).values()) == {"cancelled"}

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({}, ["ids"]),
            ({"filter": {}}, ["filter"]),
            ({"ids": [], "filter": {"user_id": "u1"}}, ["filter", "ids"]),
            ({"ids": ["x"] * 501}, ["ids"]),
            ({"filter": {"status": "done", "x": 1}}, ["filter.status", "filter.x"]),
            ({"ids": ["x"], "include_unknown": True}, ["include_unknown"]),
            ({"ids": ["x"], "dry_run": "yes"}, ["dry_run"]),
        ],
    )
    async def test_what_is_meant_has_to_be_said(self, api: Client, body: Any, fields: Sequence[str]) -> None:
        """An empty filter would be everything: it is refused."""
        reply = await api.ask("POST", "/api/v1/tasks/cancel", json=body)
        assert (reply.status, sorted({detail["field"] for detail in reply.json["details"]})) == (400, fields)

    async def test_others_tasks_are_not_there(self, open_api: Open) -> None:
        """By id as by filter; no count tells of them."""
        async with open_api(DANQING_API_KEYS=KEYS) as api:
            for task_id, owner in (("mine", "one"), ("theirs", "two")):
                await api.services.store.insert(make_task(task_id, owner=owner))
            data = await _do(api, "cancel", ONE, ids=["theirs", "mine"])
            assert [each["code"] for each in data["results"]] == ["task_not_found", None]
            dry = await _do(api, "delete", ONE, filter={"user_id": "u1"}, dry_run=True)
            assert dry["matched"] == 1
            await _do(api, "delete", ONE, filter={"user_id": "u1"})
            assert (await api.ask("GET", "/api/v1/tasks/theirs", headers=TWO)).json["data"]["status"] == "pending"
