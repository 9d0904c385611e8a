"""Submissions checked before they are made."""

from __future__ import annotations

from typing import Any

from tests.integration.api.conftest import Client, Open
from tests.support.system import until

WHOLE = {"type": "image", "model": "uno", "input": {"prompt": "a cat"}, "user_id": "u1"}


async def _check(api: Client, body: Any, path: str = "/api/v1/ai/tasks/check") -> dict[str, Any]:
    reply = await api.ask("POST", path, json=body)
    assert reply.status == 200, reply.body
    data: dict[str, Any] = reply.json["data"]
    return data


class TestCheck:
    async def test_a_right_one_is_told_what_becomes_of_it(self, api: Client) -> None:
        """The model's own id, the price and the most it can be, and its lane; nothing is stored."""
        data = await _check(api, {**WHOLE, "input": {"prompt": "a cat", "n": 2}, "on_ambiguous": "retry"})
        assert (data["acceptable"], data["problems"], data["limits"]) == (True, [], [])
        assert (data["prepared"]["provider"], data["prepared"]["model"]) == ("scripted", "one")
        assert (data["outputs"], data["calls"]) == (2, 2)
        assert (data["lane"]["name"], data["lane"]["accepting"]) == ("scripted", True)
        assert data["lane"]["start_at"] is not None
        assert (await api.ask("GET", "/api/v1/tasks")).json["data"]["count"] == 0

    async def test_the_most_counts_a_call_that_is_made_again(self, api: Client) -> None:
        """With `fail` it is the price itself."""
        again = await _check(api, {**WHOLE, "on_ambiguous": "retry"})
        never = await _check(api, {**WHOLE, "on_ambiguous": "fail"})
        assert float(again["estimate"]["at_most"]) == 2 * float(again["estimate"]["amount"])
        assert never["estimate"]["at_most"] == never["estimate"]["amount"]

    async def test_everything_wrong_is_told_at_once(self, api: Client) -> None:
        """What is wrong with its shape, and what the provider has against the rest."""
        data = await _check(api, {**WHOLE, "input": {"prompt": ""}, "priority": "urgent", "user_id": 7})
        assert sorted(each["field"] for each in data["problems"]) == ["input.prompt", "priority", "user_id"]
        assert (data["acceptable"], data["prepared"], data["estimate"]) == (False, None, None)

    async def test_pictures_have_a_form_of_their_own(self, api: Client) -> None:
        """In the old server's words."""
        path = "/api/v1/ai/image/task/check"
        assert (await _check(api, {"prompt": "a cat", "user_id": "u1"}, path))["acceptable"]
        wrong = await _check(api, {"prompt": "", "user_id": "u1", "stlye": "x"}, path)
        assert sorted(each["field"] for each in wrong["problems"]) == ["prompt", "stlye"]

    async def test_a_limit_that_would_refuse_it_is_named(self, open_api: Open) -> None:
        """And when to come again; it is not an error to ask."""
        async with open_api(DANQING_MAX_QUEUED="1") as api:
            await api.ask("POST", "/api/v1/ai/tasks", json=WHOLE)

            async def refused() -> dict[str, Any] | None:
                data = await _check(api, WHOLE)
                return None if data["acceptable"] else data

            data = await until(refused)  # how a lane stands is up to two seconds old
            assert data["problems"] == []
            (limit,) = data["limits"]
            assert (limit["code"], limit["retry_after_s"] > 0) == ("overloaded", True)

    async def test_what_its_project_may_not_spend_is_named(self, open_api: Open) -> None:
        """Which limit, how much of it is used, when it begins anew; asking sets nothing aside."""
        key, admin = "a-key-of-the-tests", "a-key-of-the-operator"
        headers = {"Authorization": f"Bearer {key}"}
        async with open_api(DANQING_API_KEYS=f"poor:{key}", DANQING_ADMIN_KEY=admin) as api:
            limits = {"spend_per_day": {"CNY": "0.30"}, "pictures_in_flight": 1}
            made = await api.ask(
                "POST",
                "/api/v1/projects",
                json={"id": "poor", "name": "poor", "limits": limits},
                headers={"Authorization": f"Bearer {admin}"},
            )
            assert made.status == 201, made.body
            for n, wanted in ((1, []), (2, ["budget_exceeded", "too_many_tasks"]), (1, [])):
                body = {**WHOLE, "input": {"prompt": "a cat", "n": n}}
                reply = await api.ask("POST", "/api/v1/ai/tasks/check", json=body, headers=headers)
                data = reply.json["data"]
                assert [each["code"] for each in data["limits"]] == wanted, reply.body
                assert data["acceptable"] == (not wanted)
                for budget in [each["budget"] for each in data["limits"] if "budget" in each]:
                    told = (budget["of"], budget["window"], budget["limit"], budget["used"], budget["reserved"])
                    assert told == ("project", "day", "0.30", "0.00", "0.00")
                    assert budget["resets_at"]
