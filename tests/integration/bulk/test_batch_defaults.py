"""What all lines of a batch have in common reaches lines of either form."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.conftest import Client
from tests.support.system import until

PAGES = Path(__file__).parents[3] / "docs"
SHORT: dict[str, Any] = {"prompt": "a cat"}
WHOLE: dict[str, Any] = {"type": "image", "model": "one", "input": {"prompt": "a cat"}}
either_form = pytest.mark.parametrize("line", [pytest.param(SHORT, id="short"), pytest.param(WHOLE, id="whole")])


async def _task(api: Client, line: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the task that a batch of one line makes, with the priority that its row tells."""
    body = {"tasks": [line], "defaults": {"user_id": "u1", **defaults}}
    reply = await api.ask("POST", "/api/v1/batches", json=body)
    assert reply.status == 201, reply.json["details"]
    return await _made(api, reply.json["data"]["id"])


async def _made(api: Client, batch_id: str) -> dict[str, Any]:
    async def made() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await api.ask("GET", f"/api/v1/tasks?batch={batch_id}")).json["data"]["tasks"]
        return rows

    (row,) = await until(made, what="the line is a task")
    task: dict[str, Any] = (await api.ask("GET", f"/api/v1/tasks/{row['id']}")).json["data"]
    return {**task, "priority": row["priority"]}


@pytest.mark.parametrize("page", ["batches.md", "batches.zh.md"])
async def test_the_example_of_the_page_is_taken_whole(api: Client, page: str) -> None:
    """One line in each form, over a user and a size for both."""
    shown = re.search(r"```json\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)
    assert shown is not None
    body = json.loads(shown[1])
    body["tasks"][1]["model"] = "one"
    batch = (await api.ask("POST", "/api/v1/batches", json=body)).json["data"]
    assert (batch["accepted"], batch["problems"]) == (2, [])


class TestDefaults:
    @either_form
    @pytest.mark.parametrize(
        ("defaults", "input_"),
        [
            ({"size": "2K"}, {"size": "2K"}),
            ({"options": {"watermark": False}}, {"watermark": False}),
            ({"input": {"size": "2K", "watermark": False}}, {"size": "2K", "watermark": False}),
            ({"size": "2K", "priority": "low", "options": {"seed": 7}}, {"size": "2K", "seed": 7}),
        ],
    )
    async def test_parameters_are_the_models(
        self, api: Client, line: dict[str, Any], defaults: dict[str, Any], input_: dict[str, Any]
    ) -> None:
        """In whichever form the batch names them."""
        assert (await _task(api, line, defaults))["input"] == {"prompt": "a cat", **input_}

    @either_form
    @pytest.mark.parametrize("defaults", [{"priority": "low"}, {"options": {"priority": "low"}}])
    async def test_a_priority_is_the_tasks(
        self, api: Client, line: dict[str, Any], defaults: dict[str, Any]
    ) -> None:
        """As a line in that form would have it."""
        task = await _task(api, line, defaults)
        assert (task["priority"], task["input"]) == ("low", {"prompt": "a cat"})

    async def test_a_short_line_is_of_the_type_that_all_have(self, api: Client) -> None:
        """Of the provider, too, and not before the time that the batch says."""
        task = await _task(api, SHORT, {"type": "text", "provider": "scripted", "delay": 600})
        assert (task["type"], task["provider"], task["status"]) == ("text", "scripted", "scheduled")

    @pytest.mark.parametrize(
        ("line", "defaults"),
        [
            ({"prompt": "a cat", "size": "1K", "options": {"seed": 1}}, {"input": {"size": "2K", "seed": 2}}),
            (
                {**WHOLE, "input": {"prompt": "a cat", "size": "1K", "seed": 1}},
                {"size": "2K", "options": {"seed": 2}},
            ),
        ],
    )
    async def test_a_line_has_the_last_word(
        self, api: Client, line: dict[str, Any], defaults: dict[str, Any]
    ) -> None:
        """Over what all have in common, whichever form either is in."""
        assert (await _task(api, line, defaults))["input"] == {"prompt": "a cat", "size": "1K", "seed": 1}

    @pytest.mark.parametrize(
        "line",
        [
            {**SHORT, "user_id": None, "size": None, "input": None},
            {**SHORT, "size": "", "n": 0, "model": ""},
            {**WHOLE, "user_id": None, "input": {"prompt": "a cat", "size": None}},
        ],
    )
    async def test_what_means_absence_takes_the_default(self, api: Client, line: dict[str, Any]) -> None:
        """As null does everywhere, and an old client's empty size in a short line."""
        task = await _task(api, line, {"size": "2K"})
        assert (task["user_id"], task["input"]) == ("u1", {"prompt": "a cat", "size": "2K"})

    async def test_the_query_has_the_same_words(self, api: Client) -> None:
        """For lines of JSON, which have no list beside them."""
        query = "?user_id=u1&type=image&provider=scripted&priority=high&on_ambiguous=fail&size=2K&model=one"
        for line in (SHORT, {"input": WHOLE["input"]}):
            headers = {"Content-Type": "application/x-ndjson"}
            reply = await api.ask("POST", f"/api/v1/batches{query}", json=line, headers=headers)
            assert reply.status == 201, reply.json["details"]
            task = await _made(api, reply.json["data"]["id"])
            assert (task["priority"], task["input"]) == ("high", {"prompt": "a cat", "size": "2K"})

    @pytest.mark.parametrize("word", ["provider", "type", "priority", "delay"])
    async def test_a_line_itself_is_held_to_its_form(self, api: Client, word: str) -> None:
        """What a short one has no place for is named, not guessed at."""
        line = {**SHORT, word: {"delay": 1, "priority": "low"}.get(word, "scripted")}
        body = {"tasks": [line], "defaults": {"user_id": "u1"}}
        reply = await api.ask("POST", "/api/v1/batches", json=body)
        assert (reply.status, reply.json["details"][0]["field"]) == (400, f"lines[1].{word}")
