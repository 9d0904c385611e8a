"""Many tasks cancelled, retried or deleted at once, by ids or by filter."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from danqing_server.records.tasks import CallOutcome, Status
from danqing_server.store.task_documents import encode
from tests.integration.api.conftest import Client, Open
from tests.unit.api.tasks import NOW, failed_picture, kept_picture, make_task, paid_call

KEYS = "one:first-secret-of-many,two:second-secret-of-many"
ONE, TWO = ({"Authorization": f"Bearer {name}-secret-of-many"} for name in ("first", "second"))
ADMIN = "a-key-of-the-operator"


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

    async def test_a_limit_is_told_as_anywhere_else(self, open_api: Open) -> None:
        """One retry by itself is 429 `too_many_tasks`; among many it has the same code, and what was said of it."""
        settings = {"DANQING_API_KEYS": KEYS, "DANQING_ADMIN_KEY": ADMIN}
        async with open_api(**settings) as api:
            await api.services.store.insert(make_task("failed", Status.FAILED, owner="one"))
            project = {"id": "one", "name": "one", "limits": {"pictures_in_flight": 0}}
            made = await api.ask(
                "POST", "/api/v1/projects", json=project, headers={"Authorization": f"Bearer {ADMIN}"}
            )
            assert made.status == 201, made.body
            alone = await api.ask("POST", "/api/v1/tasks/failed/retry", headers=ONE)
            (told,) = (await _do(api, "retry", ONE, ids=["failed"]))["results"]
            assert (alone.status, told["code"], told["retryable"]) == (429, "too_many_tasks", True)
            assert told["message"] == alone.json["message"]


class TestByFilter:
    async def test_a_dry_run_changes_nothing(self, shelf: Client) -> None:
        """It counts, and says what retries cost at the most and how many may be paid for already."""
        before = await _statuses(shelf)
        data = await _do(shelf, "retry", filter={"user_id": "u1"}, dry_run=True)
        assert (data["dry_run"], data["matched"], data["possible"], data["unknown"]) == (True, 2, 1, 1)
        assert data["amounts"] == [{"amount": "0.20", "currency": "CNY"}]
        assert data["at_most"] == [{"amount": "0.40", "currency": "CNY"}]
        with_doubt = await _do(shelf, "retry", filter={"user_id": "u1"}, dry_run=True, include_unknown=True)
        assert (with_doubt["possible"], with_doubt["amounts"][0]["amount"]) == (2, "0.40")
        assert (data["complete"], data["results"]) == (True, [])
        assert await _statuses(shelf) == before

    async def test_a_dry_run_ends_in_time(self, api: Client) -> None:
        """It says that there are more; what it expects is no number, for another look comes as far as it comes."""
        many = [make_task(f"t{number:04}", created_at=NOW - timedelta(seconds=number)) for number in range(1100)]
        await api.services.store.insert_many([encode(task) for task in many])
        seconds = itertools.count()
        api.services.task_list.now_s = lambda: float(next(seconds))
        api.services.bulk.within_s = 3.0
        told = await _do(api, "cancel", filter={"user_id": "u1"}, dry_run=True)
        assert (told["matched"], told["possible"], told["complete"]) == (500, 500, False)
        assert set(told["expect"]) == {"as_of"}
        done = await _do(api, "cancel", filter={"user_id": "u1"}, limit=20, expect=told["expect"])
        assert done["possible"] == 20

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
            ({"ids": ["x"], "priority": "high"}, ["priority"]),
            ({"ids": ["x"], "expect": {"as_of": "2026-11-24", "at_most": []}}, ["expect.possible"]),
            ({"ids": ["x"], "expect": {}}, ["expect.as_of"]),
            (
                {"ids": ["x"], "expect": {"possible": 1, "at_most": ["1"], "as_of": "now"}},
                ["expect.as_of", "expect.at_most"],
            ),
        ],
    )
    async def test_what_is_meant_has_to_be_said(self, api: Client, body: Any, fields: Sequence[str]) -> None:
        """An empty filter would be everything: it is refused."""
        reply = await api.ask("POST", "/api/v1/tasks/cancel", json=body)
        assert (reply.status, sorted({detail["field"] for detail in reply.json["details"]})) == (400, fields)

    @pytest.mark.parametrize(
        ("body", "field", "values"),
        [
            ({"filter": {"status": ["failed", "done", 5]}}, "filter.status", ["done", 5]),
            ({"ids": ["x", "", 5]}, "ids", ["", 5]),
            ({"filter": {"status": []}}, "filter.status", ["array of 0"]),
        ],
    )
    async def test_each_entry_that_is_wrong_is_named(
        self, api: Client, body: Any, field: str, values: Sequence[Any]
    ) -> None:
        """The list itself only where none of its entries is."""
        reply = await api.ask("POST", "/api/v1/tasks/cancel", json=body, headers={"Accept-Language": "en"})
        assert reply.status == 400
        assert [(each["field"], each["value"]) for each in reply.json["details"]] == [
            (field, value) for value in values
        ]

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


async def _refused(api: Client, act: str, **body: Any) -> str:
    reply = await api.ask("POST", f"/api/v1/tasks/{act}", json=body)
    assert reply.status == 409, reply.body
    return str(reply.json["code"])


async def _failed(api: Client, count: int, **changes: Any) -> None:
    tasks = [
        make_task(f"f{number:03}", Status.FAILED, created_at=NOW - timedelta(seconds=number), **changes)
        for number in range(count)
    ]
    await api.services.store.insert_many([encode(task) for task in tasks])


FAILED = {"status": "failed"}


class TestExpected:
    """What a dry run told is sent back with the request, which then does that and no more."""

    async def test_what_was_told_is_done(self, api: Client) -> None:
        """Over several requests: the number is compared with the first, which changes it."""
        await _failed(api, 30)
        expect = (await _do(api, "retry", filter=FAILED, dry_run=True))["expect"]
        assert (expect["possible"], expect["at_most"]) == (30, [{"amount": "12.00", "currency": "CNY"}])
        first = await _do(api, "retry", filter=FAILED, expect=expect, limit=20)
        second = await _do(api, "retry", filter=FAILED, expect=expect, limit=20, cursor=first["next_cursor"])
        assert (first["possible"], second["possible"], second["next_cursor"]) == (20, 10, None)

    async def test_another_number_is_refused(self, api: Client) -> None:
        """One of a few is too many; nothing is done. One of hundreds may go by."""
        await _failed(api, 120)
        few, many = {**FAILED, "from": (NOW - timedelta(seconds=9)).isoformat()}, FAILED
        expected = {}
        for name, wanted in (("few", few), ("many", many)):
            expected[name] = (await _do(api, "delete", filter=wanted, dry_run=True))["expect"]
        await _do(api, "delete", ids=["f000"])
        assert await _refused(api, "delete", filter=few, expect=expected["few"]) == "not_as_expected"
        assert len(await _statuses(api)) == 119
        assert (await _do(api, "delete", filter=many, expect=expected["many"], limit=500))["possible"] == 119

    async def test_more_money_is_refused(self, api: Client) -> None:
        """Though the number is the same: what was priced is not what is there."""
        await _failed(api, 3)
        expect = (await _do(api, "retry", filter=FAILED, dry_run=True))["expect"]
        dear = make_task("dear", Status.FAILED, created_at=NOW - timedelta(days=1), images=3)
        await api.services.store.insert(dear)
        await _do(api, "delete", ids=["f000"])
        assert await _refused(api, "retry", filter=FAILED, expect=expect) == "not_as_expected"

    async def test_what_changed_since_is_left_alone(self, api: Client) -> None:
        """It ended in another way between the look and the act: its own outcome says so."""
        await _failed(api, 2)
        expect = (await _do(api, "retry", ids=["f000", "f001"], dry_run=True))["expect"]
        await _do(api, "retry", ids=["f000"])
        await _do(api, "cancel", ids=["f000"])
        done = await _do(api, "retry", ids=["f000", "f001"], expect={"as_of": expect["as_of"]})
        assert [(each["id"], each["code"]) for each in done["results"]] == [
            ("f000", "task_changed"),
            ("f001", None),
        ]

    async def test_what_came_since_is_left_alone(self, api: Client) -> None:
        """Cancelling all that waits does not take what is submitted meanwhile."""
        await api.services.store.insert(make_task("waits", created_at=NOW))
        waiting = {"status": "pending"}
        expect = (await _do(api, "cancel", filter=waiting, dry_run=True))["expect"]
        late = make_task("late", created_at=api.services.control.clock.now() + timedelta(minutes=1))
        await api.services.store.insert(late)
        done = await _do(api, "cancel", ids=["waits", "late"], expect={**expect, "possible": 2})
        assert [each["code"] for each in done["results"]] == [None, "task_changed"]


class TestPriority:
    async def test_waiting_tasks_take_another_turn(self, shelf: Client) -> None:
        """Those that have it already and those that wait no more stay as they are."""
        told = await _do(shelf, "priority", filter={"user_id": "u1"}, priority="high", dry_run=True)
        assert (told["matched"], told["possible"], told["at_most"]) == (1, 1, [])
        data = await _do(shelf, "priority", ids=["waits", "failed"], priority="high")
        assert [each["code"] for each in data["results"]] == [None, "task_failed"]
        again = await _do(shelf, "priority", ids=["waits"], priority="high", dry_run=True)
        assert again["possible"] == 0
        reply = await shelf.ask("POST", "/api/v1/tasks/priority", json={"ids": ["waits"]})
        assert [detail["field"] for detail in reply.json["details"]] == ["priority"]


class TestMissing:
    """A task that is completed without some of its pictures."""

    @pytest.fixture
    async def partial(self, api: Client) -> Client:
        """One that has two of four: one was refused, of one it is not known whether it was paid."""
        outputs = {
            "0": kept_picture("p", 0),
            "1": kept_picture("p", 1),
            "2": failed_picture(2),
            "3": failed_picture(3),
        }
        calls = {
            "c1": paid_call(id="c1", indexes=(0, 1)),
            "c2": paid_call(id="c2", indexes=(2,), outcome=CallOutcome.REJECTED),
            "c3": paid_call(id="c3", indexes=(3,), outcome=CallOutcome.UNKNOWN),
        }
        await api.services.store.insert(make_task("p", Status.COMPLETED, images=4, outputs=outputs, calls=calls))
        await api.services.store.insert(make_task("made", Status.COMPLETED))
        return api

    async def test_the_price_of_what_is_missing_is_named_before(self, partial: Client) -> None:
        """Two pictures, of which one may have been paid for: that is a question of its own."""
        told = await _do(partial, "retry", ids=["p"], dry_run=True)
        assert (told["possible"], told["unknown"], told["amounts"]) == (0, 1, [])
        told = await _do(partial, "retry", ids=["p"], dry_run=True, include_unknown=True)
        assert (told["possible"], told["amounts"]) == (1, [{"amount": "0.40", "currency": "CNY"}])

    async def test_a_filter_means_it_when_it_says_so(self, partial: Client) -> None:
        """Without, a retry means what failed or was cancelled; whole ones are never meant."""
        assert (await _do(partial, "retry", filter={"user_id": "u1"}, dry_run=True))["matched"] == 0
        wanted = {"partial": True}
        assert (await _do(partial, "retry", filter=wanted, dry_run=True))["matched"] == 1
        data = await _do(partial, "retry", ids=["p", "made"], include_unknown=True)
        assert [each["code"] for each in data["results"]] == [None, "task_completed"]
