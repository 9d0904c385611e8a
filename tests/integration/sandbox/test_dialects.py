"""What the core does for every dialect, with the example of its README."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.sandbox.serving import Served, served

MODULES = {"example": "tests.integration.sandbox.example", "broken": "tests.integration.sandbox.no_such_module"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Served]:
    """A sandbox with the example in it, and a dialect that cannot be imported."""
    async with served(tmp_path, dialects=MODULES) as running:
        yield running


async def ask(served: Served, prompt: str, path: str = "images") -> tuple[int, Any]:
    """Return status and JSON of an order in the example's words."""
    async with served.session.post(f"{served.url}/example/v1/{path}", json={"prompt": prompt}) as answer:
        return answer.status, await answer.json()


async def job_of(served: Served, job_id: str, method: str = "GET") -> tuple[int, Any]:
    """Return status and JSON of a job."""
    async with served.session.request(method, f"{served.url}/example/v1/jobs/{job_id}") as answer:
        return answer.status, await answer.json()


class TestMounts:
    """Prefixes, and who answers for what."""

    async def test_ark_is_at_its_prefix_and_at_the_root(self, house: Served) -> None:
        """Both answer alike, and links lead to where they were asked for."""
        for base in (house.url, f"{house.url}/ark"):
            body = {"model": "doubao-seedream-4-0-250828", "prompt": "山水", "size": "1280x720"}
            async with house.session.post(f"{base}/api/v3/images/generations", json=body) as answer:
                link = (await answer.json())["data"][0]["url"]
            assert link.startswith(f"{base}/doubao-")
            assert (await house.get(link))[0] == 200

    async def test_a_broken_dialect_stops_no_other(self, house: Served) -> None:
        """It says so itself."""
        assert (await house.get(f"{house.url}/broken/v1/images"))[0] == 500
        assert (await ask(house, "a cat"))[0] == 200

    async def test_unknown_paths_are_refused_in_the_words_of_the_dialect(self, house: Served) -> None:
        """Also another method than those of a path."""
        async with house.session.get(f"{house.url}/example/v1/nothing") as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (404, "route_not_found")
        async with house.session.get(f"{house.url}/example/v1/images") as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (405, "method_not_allowed")
        async with house.session.get(f"{house.url}/ark/nothing") as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (404, "NotFound")


class TestFaults:
    """Neutral faults in a dialect's own words."""

    @pytest.mark.parametrize(
        ("word", "status", "code"),
        [
            ("fail", 500, "internal"),
            ("unavailable", 503, "unavailable"),
            ("429", 429, "rate_limited"),
            ("quota", 429, "quota"),
            ("overdue", 403, "overdue"),
            ("moderation", 400, "moderation"),
            ("moderation-output", 400, "moderation_output"),
            ("fial", 400, "invalid"),
        ],
    )
    async def test_refusals(self, house: Served, word: str, status: int, code: str) -> None:
        """The dialect words them, and nothing is billed."""
        found, body = await ask(house, f"a cat [sandbox:{word}]")
        assert (found, body["error"]["code"]) == (status, code)
        assert await house.ledger() == []

    async def test_retry_after(self, house: Served) -> None:
        """The core adds the header where the dialect does not."""
        body = {"prompt": "a cat [sandbox:429=7]"}
        async with house.session.post(f"{house.url}/example/v1/images", json=body) as answer:
            assert answer.headers["Retry-After"] == "7"

    @pytest.mark.parametrize("word", ["reset-after-billing", "truncate", "garbled"])
    async def test_lost_answers_are_billed_and_not_delivered(self, house: Served, word: str) -> None:
        """The ledger says what was paid for and never fetched."""
        with pytest.raises((aiohttp.ClientError, ValueError)):
            await ask(house, f"a cat [sandbox:{word}]")
        assert [entry["delivered"] for entry in await house.ledger()] == [False]

    async def test_a_rule_for_one_dialect_spares_the_others(self, house: Served) -> None:
        """`dialect` in a rule."""
        await house.rule(kind="status", status=503, dialect="ark", times=None)
        assert (await ask(house, "a cat"))[0] == 200
        assert (await house.generate())[0] == 503


class TestLedger:
    """Every purchase of every dialect."""

    async def test_line(self, house: Served) -> None:
        """Dialect, kind, cost, and whether it was fetched."""
        _, body = await ask(house, "a cat")
        (entry,) = await house.ledger()
        assert (entry["dialect"], entry["kind"], entry["cost_micro"], entry["currency"]) == (
            *("example", "image", 40_000, "USD"),
        )
        assert entry["delivered"] is False
        assert (await house.get(body["url"]))[0] == 200
        assert [entry["delivered"] for entry in await house.ledger()] == [True]


class TestFiles:
    """Signed links that expire."""

    async def test_head_and_ranges(self, house: Served) -> None:
        """HEAD tells the length; a range is a part of the same bytes."""
        _, body = await ask(house, "a cat")
        _, whole = await house.get(body["url"])
        assert whole.startswith(b"\x89PNG")
        async with house.session.head(body["url"]) as answer:
            assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(whole)))
        for text, part in (("bytes=5-9", whole[5:10]), ("bytes=10-", whole[10:]), ("bytes=-4", whole[-4:])):
            async with house.session.get(body["url"], headers={"Range": text}) as answer:
                assert (answer.status, await answer.read()) == (206, part)
        async with house.session.get(body["url"], headers={"Range": "bytes=999999-"}) as answer:
            assert answer.status == 416

    async def test_expire_and_are_signed(self, house: Served) -> None:
        """After its time, and with another signature, a link is 403."""
        _, body = await ask(house, "a cat")
        assert (await house.get(body["url"][:-2] + "00"))[0] == 403
        assert (await house.get(body["url"].partition("?")[0]))[0] == 403
        house.now_s[0] += 3600
        assert (await house.get(body["url"]))[0] == 403


class TestJobs:
    """Submit, ask, fetch."""

    async def test_life(self, house: Served) -> None:
        """Queued, running, succeeded by the clock; billed at its end, once."""
        _, body = await ask(house, "a cat", "jobs")
        states = []
        for later_s in (0, 0.6, 2):
            house.now_s[0] += later_s
            states.append((await job_of(house, body["id"]))[1])
        assert [state["state"] for state in states] == ["queued", "running", "succeeded"]
        assert (await house.get(states[-1]["url"]))[0] == 200
        (entry,) = await house.ledger()
        assert (entry["job"], entry["delivered"]) == (body["id"], True)
        assert entry["time"] == "2026-11-24T02:57:26.500Z"

    async def test_nobody_need_ask(self, house: Served) -> None:
        """The ledger has a job's bill when its time is over."""
        await ask(house, "a cat", "jobs")
        house.now_s[0] += 60
        assert len(await house.ledger()) == 1

    async def test_outlive_a_restart(self, tmp_path: Path) -> None:
        """A job goes on while the sandbox is down, and is billed once."""
        async with served(tmp_path, dialects=MODULES) as first:
            _, body = await ask(first, "a cat", "jobs")
            assert (await job_of(first, body["id"]))[1]["state"] == "queued"
        for later_s in (60, 61):
            async with served(tmp_path, dialects=MODULES, later_s=later_s) as again:
                state = (await job_of(again, body["id"]))[1]
                assert state["state"] == "succeeded"
                assert (await again.get(state["url"]))[0] == 200
                assert len(await again.ledger()) == 1

    async def test_cancelled_is_never_billed(self, house: Served) -> None:
        """Nor can an ended one be cancelled."""
        _, first = await ask(house, "a cat", "jobs")
        assert (await job_of(house, first["id"], "DELETE"))[1] == {"cancelled": True}
        house.now_s[0] += 60
        assert (await job_of(house, first["id"]))[1]["state"] == "cancelled"
        _, second = await ask(house, "a dog", "jobs")
        house.now_s[0] += 60
        assert (await job_of(house, second["id"], "DELETE"))[1] == {"cancelled": False}
        assert len(await house.ledger()) == 1

    @pytest.mark.parametrize(
        ("word", "state"),
        [("job-fails", "failed"), ("moderation-output", "failed"), ("job-expires", "expired")],
    )
    async def test_bad_ends_are_free(self, house: Served, word: str, state: str) -> None:
        """A job that fails or expires costs nothing."""
        _, body = await ask(house, f"a cat [sandbox:{word}]", "jobs")
        house.now_s[0] += 700
        assert (await job_of(house, body["id"]))[1]["state"] == state
        assert await house.ledger() == []

    async def test_times_by_words(self, house: Served) -> None:
        """`queued` and `running` take as long as the prompt says."""
        _, body = await ask(house, "a cat [sandbox:queued=30] [sandbox:running=100]", "jobs")
        states = []
        for later_s in (29, 2, 98, 2):
            house.now_s[0] += later_s
            states.append((await job_of(house, body["id"]))[1]["state"])
        assert states == ["queued", "running", "running", "succeeded"]

    async def test_moved_by_hand(self, house: Served) -> None:
        """The control API brings a job into a state, where it stays."""
        _, body = await ask(house, "a cat", "jobs")
        for state in ("running", "failed"):
            move = house.session.post(f"{house.url}/sandbox/jobs/example/{body['id']}", json={"state": state})
            async with move as answer:
                assert answer.status == 200
            house.now_s[0] += 60
            assert (await job_of(house, body["id"]))[1]["state"] == state
        assert await house.ledger() == []

    async def test_polls_fail_as_often_as_told(self, house: Served) -> None:
        """And the job goes on."""
        _, body = await ask(house, "a cat [sandbox:poll-fail x2]", "jobs")
        assert [(await job_of(house, body["id"]))[0] for _ in range(3)] == [500, 500, 200]

    async def test_forgotten(self, house: Served) -> None:
        """After the time that it is kept it is unknown."""
        _, body = await ask(house, "a cat", "jobs")
        house.now_s[0] += 86_400
        assert (await job_of(house, body["id"]))[0] == 404
