"""Batches over HTTP: taken in, made into tasks, looked at, cancelled, brought home."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
import pytest

from danqing_server.clock import EPOCH
from danqing_server.doors.idempotency import fingerprint_of
from danqing_server.store.task_documents import encode
from tests.integration.api.conftest import Client, Open, Reply
from tests.support.system import until
from tests.unit.api.tasks import make_task

KEYS = "one:first-secret-of-many,two:second-secret-of-many"
ONE, TWO = ({"Authorization": f"Bearer {name}-secret-of-many"} for name in ("first", "second"))
COMMON = {"user_id": "u1", "model": "one"}


def _prompts(count: int) -> list[dict[str, Any]]:
    return [{"prompt": f"cat {number}", "custom_id": f"c-{number}"} for number in range(1, count + 1)]


def _lines(tasks: Sequence[Mapping[str, Any]]) -> bytes:
    return b"\n".join(orjson.dumps(task) for task in tasks)


async def _send(api: Client, tasks: Sequence[Any], key: str | None = None, **options: Any) -> Reply:
    headers = {**options.pop("headers", {}), **({"Idempotency-Key": key} if key else {})}
    body = {"tasks": tasks, "defaults": COMMON, **options}
    return await api.ask("POST", "/api/v1/batches", json=body, headers=headers)


async def _send_lines(api: Client, body: bytes, query: str = "?user_id=u1", key: str | None = None) -> Reply:
    headers = {"Content-Type": "application/x-ndjson", **({"Idempotency-Key": key} if key else {})}
    return await api.ask("POST", f"/api/v1/batches{query}", data=body, headers=headers)


async def _until(api: Client, batch_id: str, *states: str, **options: Any) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        batch: dict[str, Any] = (await api.ask("GET", f"/api/v1/batches/{batch_id}", **options)).json["data"]
        return batch if batch["status"] in states else None

    found: dict[str, Any] = await until(look, what=f"{batch_id} {states}", timeout_s=60)
    return found


async def _results(api: Client, batch_id: str, **options: Any) -> list[dict[str, Any]]:
    reply = await api.ask("GET", f"/api/v1/batches/{batch_id}/results", **options)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/x-ndjson")
    return [orjson.loads(line) for line in reply.body.splitlines()]


class TestTakingIn:
    async def test_each_line_becomes_a_task(self, api: Client) -> None:
        """With what all have in common, what is its own, and its place; 201 says where to look."""
        tasks = [{"prompt": "a cat"}, {"prompt": "a dog", "user_id": "u2", "custom_id": "dog"}]
        reply = await _send(api, tasks)
        batch = reply.json["data"]
        assert (reply.status, batch["lines"], batch["accepted"]) == (201, 2, 2)
        assert reply.headers["Location"] == f"/api/v1/batches/{batch['id']}"
        await _until(api, batch["id"], "running")
        first, second = await _results(api, batch["id"])
        assert (first["line"], first["task"]["input"]["prompt"], first["task"]["model"]) == (1, "a cat", "one")
        assert (second["custom_id"], second["task"]["model"], second["task"]["user_id"]) == ("dog", "one", "u2")
        shown = (await api.ask("GET", f"/api/v1/tasks/{second['task']['id']}")).json["data"]
        assert shown["batch"] == {"id": batch["id"], "line": 2, "custom_id": "dog"}
        listed = (await api.ask("GET", f"/api/v1/tasks?batch={batch['id']}")).json["data"]["tasks"]
        lines = {row["id"]: (row["batch"]["line"], row["batch"]["custom_id"]) for row in listed}
        assert lines == {first["task"]["id"]: (1, None), second["task"]["id"]: (2, "dog")}

    async def test_lines_of_json_may_be_of_either_form(self, api: Client) -> None:
        """Blank ones are none, and the last needs no end; numbers count what was sent."""
        whole = {"type": "image", "model": "one", "input": {"prompt": "whole"}}
        body = _lines([{"prompt": "short"}]) + b"\n\n" + _lines([whole]) + b"\r\n"
        batch = (await _send_lines(api, body)).json["data"]
        await _until(api, batch["id"], "running")
        results = await _results(api, batch["id"])
        assert [(each["line"], each["task"]["input"]["prompt"]) for each in results] == [(1, "short"), (3, "whole")]

    async def test_a_file_as_windows_writes_it(self, api: Client) -> None:
        """With a mark at its beginning, and two bytes at the end of each line."""
        content = b"\xef\xbb\xbf" + _lines(_prompts(3)).replace(b"\n", b"\r\n")
        reply = await _send_lines(api, content)
        assert (reply.status, reply.json["data"]["accepted"]) == (201, 3)

    async def test_nothing_is_made_when_one_line_is_wrong(self, api: Client) -> None:
        """All or nothing is the default: every wrong line is named with its field, and no task is there."""
        reply = await _send(api, [*_prompts(3), {"prompt": ""}, {"prompt": "x", "nn": 1}, 7])
        fields = [detail["field"] for detail in reply.json["details"]]
        assert reply.status == 400
        assert fields[0].startswith("lines[4].")
        assert fields[1].startswith("lines[5].")
        assert fields[2].startswith("lines[6].")
        assert (await api.ask("GET", "/api/v1/tasks")).json["data"]["count"] == 0
        assert (await api.ask("GET", "/api/v1/batches")).json["data"]["count"] == 0

    async def test_what_is_right_is_taken_and_the_rest_reported(self, api: Client) -> None:
        """Line, field, value, and what is allowed; the results have the wrong lines in their places."""
        tasks = [{"prompt": "a cat"}, {"prompt": "b", "model": "nothing", "custom_id": "bad"}, {"prompt": "c"}]
        batch = (await _send(api, tasks, mode="accept_valid")).json["data"]
        assert (batch["lines"], batch["accepted"], batch["rejected"]) == (3, 2, 1)
        (problem,) = batch["problems"]
        assert (problem["line"], problem["custom_id"], problem["field"]) == (2, "bad", "model")
        assert problem["value"] == "nothing"
        assert "one" in problem["message"]
        await _until(api, batch["id"], "running")
        results = await _results(api, batch["id"])
        assert [(each["line"], "task" in each) for each in results] == [(1, True), (2, False), (3, True)]

    @pytest.mark.parametrize("body", [b"", b"\n\n", b"not json\n", b"[1]\n"])
    async def test_without_a_right_line_there_is_no_batch(self, api: Client, body: bytes) -> None:
        """Whatever the mode."""
        reply = await _send_lines(api, body, "?mode=accept_valid")
        assert (reply.status, reply.json["code"]) == (400, "validation_failed")

    async def test_more_lines_than_allowed_are_refused(self, api: Client) -> None:
        """The whole of it: nobody is to guess which were taken."""
        body = b'{"prompt":"x"}\n' * 10_001
        reply = await _send_lines(api, body)
        assert (reply.status, reply.json["details"][0]["field"]) == (400, "lines")
        assert (await api.ask("GET", "/api/v1/tasks")).json["data"]["count"] == 0

    async def test_a_line_may_hold_no_more_than_a_request(self, api: Client) -> None:
        """Each value takes memory and time of the whole process: 64 MB of them were taken apart at once."""
        lines = b'{"prompt":"x","options":{"a":[' + b"{}," * 100_001 + b'{}]}}\n{"prompt":"y"}\n'
        reply = await _send_lines(api, lines, "?mode=accept_valid&user_id=u1")
        batch = reply.json["data"]
        assert [(each["line"], each["code"]) for each in batch["problems"]] == [(1, "too_many_values")]
        assert (batch["accepted"], batch["rejected"]) == (1, 1)

    async def test_prompts_stand_in_no_report(self, api: Client) -> None:
        """Of a wrong prompt its place is told, and not what it says."""
        reply = await _send(api, [{"prompt": "x" * 70_000}, {"prompt": "fine"}], mode="accept_valid")
        assert reply.status == 201
        assert b"xxx" not in reply.body


class TestRepeats:
    @pytest.mark.parametrize("form", ["list", "lines"])
    async def test_the_same_request_is_one_batch(self, api: Client, form: str) -> None:
        """Sent again with its key it answers with the first, and makes nothing."""
        tasks = _prompts(3)

        async def send() -> Reply:
            return await (_send(api, tasks, "k1") if form == "list" else _send_lines(api, _lines(tasks), key="k1"))

        first, again = await send(), await send()
        assert (again.status, again.json["data"]["id"]) == (201, first.json["data"]["id"])
        assert again.headers["Idempotent-Replayed"] == "true"
        await _until(api, first.json["data"]["id"], "running")
        assert len(await _results(api, first.json["data"]["id"])) == 3
        assert (await api.ask("GET", "/api/v1/tasks")).json["data"]["count"] == 3

    async def test_null_is_absence(self, api: Client) -> None:
        """Also to a key, whichever of the two was sent first, and to what a release before this one kept."""
        tasks = _prompts(2)
        said = [{**task, "size": None} for task in tasks]
        for key, (one, other) in {"k1": (tasks, said), "k2": (said, tasks)}.items():
            first, again = await _send(api, one, key), await _send(api, other, key)
            assert (again.status, again.json["data"]["id"]) == (201, first.json["data"]["id"])
        batch = (await _send(api, said, "k3")).json["data"]["id"]
        as_sent = fingerprint_of("/api/v1/batches", {"tasks": said, "defaults": COMMON})
        stored = api.services.store.database["danqing_batches"]
        await stored.update_one({"_id": batch}, {"$set": {"fingerprint": as_sent}})
        assert (await _send(api, said, "k3")).json["data"]["id"] == batch

    async def test_another_request_of_that_key_is_refused(self, api: Client) -> None:
        """Also one for a single task."""
        await _send(api, _prompts(2), "k1")
        assert (await _send(api, _prompts(3), "k1")).status == 422
        assert (await _send_lines(api, _lines(_prompts(2)), key="k1")).status == 422
        single = {"prompt": "x", "user_id": "u1"}
        reply = await api.ask("POST", "/api/v1/ai/image/task", json=single, headers={"Idempotency-Key": "k1"})
        assert reply.status == 422

    async def test_a_refused_request_may_be_mended(self, api: Client) -> None:
        """Its key was used for nothing."""
        assert (await _send(api, [{"prompt": ""}], "k1")).status == 400
        assert (await _send(api, _prompts(1), "k1")).status == 201


class TestEnds:
    async def test_pictures_come_home_in_one_archive(self, open_api: Open) -> None:
        """In the order of the lines, each whole, with a list of what each line brought."""
        async with open_api(workers=True) as api:
            batch = (await _send(api, [*_prompts(3), {"prompt": "无名"}])).json["data"]
            done = await _until(api, batch["id"], "finished")
            assert (done["progress"], done["tasks"]["completed"]) == (1.0, 4)
            reply = await api.ask("GET", f"/api/v1/batches/{batch['id']}/files")
            assert reply.headers["Content-Type"] == "application/zip"
            archive = zipfile.ZipFile(io.BytesIO(reply.body))
            assert archive.testzip() is None
            *files, listing = archive.namelist()
            assert [name[:9] for name in files[:3]] == ["00001-c-1", "00002-c-2", "00003-c-3"]
            assert len(files) == 4
            assert len(archive.read(listing).splitlines()) == 4
            head = await api.ask("HEAD", f"/api/v1/batches/{batch['id']}/files")
            assert (head.status, head.body) == (200, b"")

    async def test_a_deleted_task_is_not_made_again(self, api: Client) -> None:
        """And not in the archive; the batch goes on without it."""
        batch = (await _send(api, _prompts(2))).json["data"]
        await _until(api, batch["id"], "running")
        first, _ = await _results(api, batch["id"])
        await api.ask("DELETE", f"/api/v1/tasks/{first['task']['id']}")
        assert [each["line"] for each in await _results(api, batch["id"])] == [2]

    async def test_cancelling_ends_what_is_not_finished(self, api: Client) -> None:
        """And a second time it is a conflict."""
        batch = (await _send(api, _prompts(120))).json["data"]
        assert (await api.ask("POST", f"/api/v1/batches/{batch['id']}/cancel")).status == 200
        done = await _until(api, batch["id"], "cancelled")
        assert done["tasks"]["cancelled"] == done["created"]
        assert done["tasks"]["pending"] == 0
        again = await api.ask("POST", f"/api/v1/batches/{batch['id']}/cancel")
        assert (again.status, again.json["code"]) == (409, "batch_over")

    async def test_a_full_lane_is_waited_for(self, open_api: Open) -> None:
        """A batch takes half of a lane at most, so that others still find room; it goes on as tasks leave."""
        async with open_api(DANQING_MAX_QUEUED="20") as api:
            batch = (await _send(api, _prompts(30))).json["data"]

            async def filled() -> bool:
                return bool((await api.ask("GET", f"/api/v1/batches/{batch['id']}")).json["data"]["created"] == 10)

            await until(filled)
            single = {"prompt": "x", "user_id": "u2"}
            assert (await api.ask("POST", "/api/v1/ai/image/task", json=single)).status == 201
            shown = (await api.ask("GET", f"/api/v1/batches/{batch['id']}")).json["data"]
            assert (shown["status"], shown["created"]) == ("creating", 10)
            for row in (await api.ask("GET", "/api/v1/tasks")).json["data"]["tasks"]:
                await api.ask("POST", f"/api/v1/tasks/{row['id']}/cancel")

            async def went_on() -> bool:
                return bool((await api.ask("GET", f"/api/v1/batches/{batch['id']}")).json["data"]["created"] > 10)

            await until(went_on)

    async def test_of_a_newer_release_holds_up_no_other(self, api: Client) -> None:
        """Both releases run side by side; what this one does not know is the other's, and not touched here."""
        batches = api.services.store.database["danqing_batches"]
        first = await _send(api, _prompts(1))
        known = await batches.find_one({"_id": first.json["data"]["id"]})
        assert known is not None
        strange = {**known, "_id": "batch_" + "0" * 32, "status": "resting", "open": True}
        await batches.insert_one(strange)
        second = await _send(api, _prompts(1))
        await _until(api, second.json["data"]["id"], "running")
        assert await batches.find_one({"_id": strange["_id"]}) == strange

    @pytest.mark.parametrize("change", [{"status": "resting"}, {"lines": {"sent": 2}}], ids=["word", "shape"])
    async def test_of_a_newer_release_is_set_apart(self, api: Client, change: dict[str, Any]) -> None:
        """The list goes on without it, over pages too; who asks for it is told to ask again."""
        batches = api.services.store.database["danqing_batches"]
        ids = [(await _send(api, _prompts(1))).json["data"]["id"] for _ in range(2)]
        known = await batches.find_one({"_id": ids[0]})
        assert known is not None
        strange = {**known, "_id": "batch_" + "f" * 32, "v": 2, "open": True, **change}
        strange["created_at"] += timedelta(minutes=1)
        strange |= {"holder": None, "held_until": None}
        await batches.insert_one(strange)
        listed = (await api.ask("GET", "/api/v1/batches")).json["data"]
        assert [each["id"] for each in listed["batches"]] == ids[::-1]
        page = (await api.ask("GET", "/api/v1/batches?limit=1")).json["data"]
        assert (page["count"], page["next_cursor"] is None) == (0, False)
        behind = await api.ask("GET", f"/api/v1/batches?limit=2&cursor={page['next_cursor']}")
        assert [each["id"] for each in behind.json["data"]["batches"]] == ids[::-1]
        reply = await api.ask("GET", f"/api/v1/batches/{strange['_id']}")
        assert (reply.status, reply.json["code"]) == (503, "batch_unreadable")
        await api.services.batches.feeder.round()

        async def let_go() -> bool:
            return await batches.count_documents({"_id": strange["_id"], "holder": None}) == 1

        await until(let_go)


class TestLists:
    async def test_no_question_counts_more_than_one_batch(self, api: Client) -> None:
        """A page of a hundred with ten thousand tasks each was 503: more than MongoDB counts in its time."""
        for _ in range(3):
            batch = (await _send(api, _prompts(4))).json["data"]
            await _until(api, batch["id"], "running")
        database = api.services.store.database
        await database.command("profile", 2)
        listed = (await api.ask("GET", "/api/v1/batches")).json["data"]["batches"]
        await database.command("profile", 0)
        assert [each["tasks"]["pending"] for each in listed] == [4, 4, 4]
        asked = {"ns": f"{database.name}.danqing_tasks", "command.pipeline": {"$exists": True}}
        seen = await database["system.profile"].find(asked).to_list(None)
        assert [each["docsExamined"] for each in seen] == [4, 4, 4]


class TestWhose:
    async def test_another_project_does_not_know_it(self, open_api: Open) -> None:
        """404 on every route, an empty list, and a key of the same name is another one."""
        async with open_api(DANQING_API_KEYS=KEYS) as api:
            batch = (await _send(api, _prompts(2), "k", headers=ONE)).json["data"]
            await _until(api, batch["id"], "running", headers=ONE)
            for method, rest in (("GET", ""), ("GET", "/results"), ("GET", "/files"), ("POST", "/cancel")):
                reply = await api.ask(method, f"/api/v1/batches/{batch['id']}{rest}", headers=TWO)
                assert (reply.status, reply.json["code"]) == (404, "batch_not_found")
            assert (await api.ask("GET", "/api/v1/batches", headers=TWO)).json["data"]["count"] == 0
            theirs = await _send(api, _prompts(2), "k", headers=TWO)
            assert theirs.status == 201
            assert theirs.json["data"]["id"] != batch["id"]
            rows = (await api.ask("GET", f"/api/v1/tasks?batch={batch['id']}", headers=TWO)).json["data"]
            assert rows["count"] == 0


class TestLeftovers:
    async def test_lines_of_no_batch_are_removed(self, api: Client) -> None:
        """What a request left behind that was refused, or died; not those of a batch under way."""
        store, feeder = api.services.batches.store, api.services.batches.feeder
        await store.prepare()
        await store.stage(
            "batch_gone",
            "0a",
            {1: encode(make_task("t1")).raw, 2: encode(make_task("t2")).raw},
            api.services.clock.now(),
        )
        await feeder.sweep(timedelta(hours=1))
        assert await store.count_staged("0a", EPOCH) == 2
        await feeder.sweep(timedelta(seconds=-1))
        assert await store.count_staged("0a", EPOCH) == 0
