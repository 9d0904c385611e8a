"""Backup, wipe, restore: all is as it was, and what was open is not bought again."""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from danqing_server.access.caller import Caller
from danqing_server.records.outputs import OutputState
from danqing_server.records.tasks import Billed, CallOutcome, Status, Task
from danqing_server.settings.server import Settings
from danqing_server.store.dumping import LEFT_OUT
from tests.integration.api.conftest import Client, opened
from tests.integration.backups.conftest import Command
from tests.support.painting import painter
from tests.support.providers import picture
from tests.support.scripts import Held, Ledger, link_host, provider_of, with_bytes, with_link
from tests.support.system import MakeSettings, System, running_system, until

ADMIN = {"Authorization": "Bearer an-admin-key-of-this-test"}
SETTINGS = {
    "DANQING_ADMIN_KEY": "an-admin-key-of-this-test",
    "DANQING_LEDGER": "all",
    "DANQING_WEBHOOK_TARGETS": "127.0.0.0/8",
}
ALL = Caller.local()


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """Settings of a server with keys, a ledger and webhooks."""
    return make_settings(**SETTINGS)


@pytest.fixture
def target(make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a server of which nothing is there yet."""
    names = {
        "DANQING_DATABASE": f"test_{uuid.uuid4().hex[:16]}",
        "DANQING_REDIS_PREFIX": f"test-{uuid.uuid4().hex[:16]}",
        "DANQING_DATA_DIR": str(tmp_path / "elsewhere"),
    }
    return make_settings(**SETTINGS, **names)


@pytest.fixture
def aim(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the commands that follow work with other settings."""

    def at(settings: Settings) -> None:
        for name, value in settings.environment.items():
            monkeypatch.setenv(name, value)

    return at


def documents_of(settings: Settings) -> dict[str, dict[str, bytes]]:
    """Return all documents that are to survive, as bytes, by collection and id."""
    with MongoClient[RawBSONDocument](settings.mongo_url, document_class=RawBSONDocument) as client:
        database = client[settings.database].with_options(CodecOptions(document_class=RawBSONDocument))
        names = set(database.list_collection_names()) - LEFT_OUT - {"danqing_restores"}
        found = {name: {each["_id"]: bytes(each.raw) for each in database[name].find()} for name in names}
    return {name: documents for name, documents in found.items() if documents}


def indexes_of(settings: Settings) -> dict[str, set[str]]:
    """Return the names of all indexes, by collection."""
    with MongoClient[dict[str, Any]](settings.mongo_url) as client:
        database = client[settings.database]
        names = set(database.list_collection_names()) - LEFT_OUT
        return {name: set(database[name].index_information()) for name in names}


def pictures_of(settings: Settings) -> dict[str, str]:
    """Return the hash of every stored file but thumbnails, by its key."""
    root = settings.data_dir / "pictures"
    files = [path for path in root.glob("*/*") if path.is_file() and path.parent.name != ".spool"]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


async def stock(api: Client) -> Mapping[str, str]:
    """Fill a server with something of everything; returns a header with the key of a project."""
    key = await _key(api)
    hook = {"url": "http://127.0.0.1:9/nobody", "events": ["task.completed"]}
    assert (await api.ask("POST", "/api/v1/webhooks", json=hook, headers=key)).status == 201
    upload = await api.ask(
        "POST", "/api/v1/uploads", data=io.BytesIO(picture(60)), headers={"Content-Type": "image/png", **key}
    )
    assert upload.status == 201, upload.json
    common = {"type": "image", "model": "one", "user_id": "u1"}
    inputs = [{"prompt": f"cat {n}", "n": 2} for n in range(5)]
    inputs += [{"prompt": "dog", "image": upload.json["data"]["uri"]}, {"prompt": "text", "n": 0}]
    ids = []
    for number, each in enumerate(inputs):
        headers = {**key, "Idempotency-Key": f"key-{number}"}
        reply = await api.ask("POST", "/api/v1/ai/tasks", json={**common, "input": each}, headers=headers)
        assert reply.status == 201, reply.json
        ids.append(reply.json["data"]["id"])
    batch = {"tasks": [{"prompt": f"line {n}"} for n in range(4)], "defaults": {"user_id": "u1", "model": "one"}}
    made = await api.ask("POST", "/api/v1/batches", json=batch, headers=key)
    assert made.status == 201, made.json
    path = f"/api/v1/batches/{made.json['data']['id']}"

    async def done() -> bool:
        batch = (await api.ask("GET", path, headers=key)).json["data"]
        return bool(batch["status"] == "finished")

    await until(done, what="the batch")
    for task_id in ids:
        await api.system.finished(task_id)
    assert (await api.ask("DELETE", f"/api/v1/tasks/{ids[0]}", headers=key)).status == 200
    return key


class TestWhole:
    async def test_everything_is_as_it_was(
        self, settings: Settings, target: Settings, danqing: Command, folder: Path, aim: Any
    ) -> None:
        """Every document to the byte, every picture to its hash, every index; and the key opens the door again."""
        async with opened(settings, painter(), workers=True) as api:
            key = await stock(api)
            await until(lambda: _all_is_told(settings), what="the books")
            before = await _usage(api, key)
        assert (await danqing("backup", folder)).code == 0
        documents, pictures = documents_of(settings), pictures_of(settings)
        assert {
            "danqing_tasks",
            "danqing_ledger",
            "danqing_projects",
            "danqing_api_keys",
            "danqing_webhooks",
        } < set(documents)
        assert {"danqing_batches", "danqing_uploads", "danqing_keys", "danqing_deleted", "danqing_audit"} < set(
            documents
        )
        aim(target)
        planned = (await danqing("restore", folder, "--dry-run", "--json")).json
        assert (planned["target"], planned["fates"]["held"]) == ({}, 0)
        assert documents_of(target) == {}
        restored = await danqing("restore", folder, "--json")
        assert (restored.code, restored.err) == (0, "")
        told = documents_of(target)
        assert {name: set(each) for name, each in told.items()} == {
            name: set(each) for name, each in documents.items()
        }
        assert [_but_marks(each) for each in _flat(told)] == [_but_marks(each) for each in _flat(documents)]
        assert pictures_of(target) == pictures
        assert {name: each for name, each in indexes_of(target).items() if name in documents} == {
            name: each for name, each in indexes_of(settings).items() if name in documents
        }
        async with opened(target, painter(), workers=True) as api:
            assert await _usage(api, key) == before
            listed = (await api.ask("GET", "/api/v1/tasks?limit=100", headers=key)).json["data"]["tasks"]
            assert len(listed) == 10
            for task in [await api.system.get(each["id"]) for each in listed]:
                for output in task.kept:
                    assert output.asset is not None
                    body = await api.services.assets.read(output.asset.key)
                    assert hashlib.sha256(body).hexdigest() == output.asset.sha256

    async def test_a_target_that_is_not_empty_is_left_alone(
        self, system: System, settings: Settings, danqing: Command, folder: Path
    ) -> None:
        """Refused while a server runs there, refused without `--overwrite`, and made with it."""
        await danqing("backup", folder)
        served = await danqing("restore", folder, "--overwrite")
        assert (served.code, "stop it first" in served.err) == (2, True)
        assert len(documents_of(settings)["danqing_tasks"]) == 6

    async def test_overwriting(self, settings: Settings, danqing: Command, folder: Path) -> None:
        """What came after the backup is gone; without the flag nothing is."""
        async with running_system(settings, [painter()]) as system:
            await system.finished((await system.submit()).id)
            await danqing("backup", folder)
            later = await system.finished((await system.submit()).id)
        refused = await danqing("restore", folder)
        assert (refused.code, "--overwrite" in refused.err) == (2, True)
        assert later.id in documents_of(settings)["danqing_tasks"]
        assert (await danqing("restore", folder, "--dry-run")).code == 1
        done = await danqing("restore", folder, "--overwrite", "--json")
        assert (done.code, done.json["pictures_there"]) == (0, 1)
        assert later.id not in documents_of(settings)["danqing_tasks"]

    async def test_damaged_backups(
        self, system: System, target: Settings, danqing: Command, folder: Path, aim: Any
    ) -> None:
        """A damaged picture stops it before any document is back, unless one says to leave it out."""
        await danqing("backup", folder)
        damaged = next(iter(sorted(_stored(folder))))
        damaged.write_bytes(b"no picture")
        aim(target)
        refused = await danqing("restore", folder)
        assert (refused.code, "--skip-damaged" in refused.err) == (2, True)
        assert documents_of(target) == {}
        done = await danqing("restore", folder, "--skip-damaged", "--json")
        assert (done.code, done.json["damaged"], done.json["pictures_there"]) == (1, 1, 11)


class TestOpen:
    """What was not finished when the backup was taken."""

    @pytest.fixture
    async def seen(
        self, settings: Settings, target: Settings, danqing: Command, folder: Path, aim: Any
    ) -> AsyncIterator[Mapping[str, Task]]:
        """Restore a backup that was taken in the middle of everything; yields the tasks by what they were doing."""
        ledger, stuck = Ledger(), Held(with_bytes)
        async with link_host() as host:
            half = with_link(host.link("half"))
            fetched = with_link(host.link("slow", *[503] * 10_000))
            provider = provider_of(ledger, stuck, concurrency=1)
            sourced = provider_of(ledger, fetched, name="linked")
            parted = provider_of(ledger, half, stuck, name="parted")
            async with running_system(settings, [provider, sourced, parted]) as system:
                running = await system.submit()
                await stuck.begun.wait()
                tasks = {
                    "running": running,
                    "waiting": await system.submit(),
                    "later": await system.submit(delay_s=3600),
                    "bought": await system.submit(provider="linked", model="one"),
                    "parted": await system.submit(provider="parted", model="one", n=2),
                }
                await until(lambda: _is(system, tasks["bought"], OutputState.SOURCED))
                await until(lambda: _is(system, tasks["parted"], OutputState.KEPT))
                assert (await danqing("backup", folder)).code == 0
                stuck.go_on.set()
                host.statuses["slow"].clear()
            aim(target)
            restored = await danqing("restore", folder, "--json")
            assert restored.code == 0
            assert restored.json["fates"] == {"waits": 1, "fetches": 1, "held": 3}
            ledger.bills.clear()
            yield tasks
            assert ledger.bills == {}

    async def test_nothing_is_bought_again(self, seen: Mapping[str, Task], target: Settings) -> None:
        """What may have been paid for is held, what is paid for is fetched, what is kept is delivered."""
        bought = Ledger()
        async with link_host() as host:
            del host
            names = ("scripted", "linked", "parted")
            providers = [provider_of(bought, with_bytes, name=name) for name in names]
            async with running_system(target, providers, dead_after_s=0.5) as system:
                fetched = await system.finished(seen["bought"].id)
                assert (fetched.status, len(fetched.kept)) == (Status.COMPLETED, 1)
                for name in ("running", "waiting"):
                    task = await system.get(seen[name].id)
                    assert (task.status, task.attempt, task.waiting) == (Status.FAILED, None, None)
                    assert task.error is not None
                    assert (task.error.code, task.error.billed, task.error.retryable) == (
                        "outcome_unknown",
                        Billed.UNKNOWN,
                        True,
                    )
                assert [call.outcome for call in (await system.get(seen["running"].id)).calls.values()] == [
                    CallOutcome.UNKNOWN
                ]
                parted = await system.get(seen["parted"].id)
                assert (parted.status, len(parted.kept), len(parted.failed_outputs)) == (Status.COMPLETED, 1, 1)
                assert (await system.get(seen["later"].id)).status is Status.SCHEDULED
                assert bought.bills == {}
                # A person decides, and only then it is bought.
                await system.services.control.retry(seen["running"].id, ALL)
                assert (await system.finished(seen["running"].id)).status is Status.COMPLETED
                assert sum(bought.of(seen["running"].id).values()) == 1
                assert list(bought.bills) == [seen["running"].id]


class TestBatch:
    async def test_each_line_is_answered_for(
        self, make_settings: MakeSettings, target: Settings, danqing: Command, folder: Path, aim: Any
    ) -> None:
        """Of a batch that was half made the rest becomes tasks, which are held as the others are."""
        half = make_settings(**SETTINGS, DANQING_MAX_QUEUED="20")
        async with opened(half, painter(), workers=False) as api:
            lines = {
                "tasks": [{"prompt": f"line {n}"} for n in range(30)],
                "defaults": {"user_id": "u", "model": "one"},
            }
            made = await api.ask("POST", "/api/v1/batches", json=lines, headers=await _key(api))
            assert made.status == 201, made.json
            path = f"/api/v1/batches/{made.json['data']['id']}"
            await until(lambda: len(documents_of(half).get("danqing_tasks", ())) == 10, what="half of the lane")
            assert (await danqing("backup", folder)).code == 0
        aim(target)
        restored = await danqing("restore", folder, "--json")
        assert (restored.code, restored.json["fates"]["held"]) == (0, 30)
        tasks = [bson.decode(raw) for raw in documents_of(target)["danqing_tasks"].values()]
        assert {task["batch"]["line"] for task in tasks} == set(range(1, 31))
        assert {(task["status"], task["error"]["code"]) for task in tasks} == {("failed", "outcome_unknown")}
        [batch] = [bson.decode(raw) for raw in documents_of(target)["danqing_batches"].values()]
        assert (batch["status"], batch["made"], "open" in batch) == ("created", 30, False)
        assert path.endswith(batch["_id"])
        assert "danqing_batch_lines" not in documents_of(target)


async def _key(api: Client) -> Mapping[str, str]:
    """Return a header with the key of a new project."""
    made = await api.ask("POST", "/api/v1/projects", json={"name": "shop"}, headers=ADMIN)
    body = {"name": "till", "project": made.json["data"]["id"]}
    made = await api.ask("POST", "/api/v1/keys", json=body, headers=ADMIN)
    assert made.status == 201, made.json
    return {"Authorization": f"Bearer {made.json['data']['secret']}"}


def _all_is_told(settings: Settings) -> bool:
    return not any(bson.decode(raw).get("untold") for raw in documents_of(settings)["danqing_tasks"].values())


async def _usage(api: Client, key: Mapping[str, str]) -> Any:
    data = (await api.ask("GET", "/api/v1/usage?group_by=model", headers=key)).json["data"]
    return {name: value for name, value in data.items() if name != "until"}


def _stored(folder: Path) -> list[Path]:
    return list(folder.glob("pictures/??/*"))


async def _is(system: System, task: Task, state: OutputState) -> bool:
    found = await system.get(task.id)
    return any(output.state is state for output in found.outputs.values())


def _flat(documents: Mapping[str, Mapping[str, bytes]]) -> list[bytes]:
    return [documents[name][id_] for name in sorted(documents) for id_ in sorted(documents[name])]


def _but_marks(raw: bytes) -> dict[str, Any]:
    """Return a document without what says that something is to be told once more."""
    document = bson.decode(raw)
    document.pop("untold", None)
    return document
