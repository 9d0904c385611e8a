"""A bucket that is under load, or in trouble: what is asked of it, and what becomes of what it refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs
import pytest

from danqing_server.ids import new_token
from danqing_server.records.outputs import OutputState
from danqing_server.records.tasks import Status
from tests.integration.api.conftest import opened
from tests.integration.backups.conftest import Command, danqing
from tests.support.faulty_s3 import Asked, Fault, FaultyS3, faulty_s3
from tests.support.painting import painter
from tests.support.s3 import BUCKET, credentials, run_s3
from tests.support.servers import RunningServer
from tests.support.system import HASTY, MakeSettings, System, running_system, until

__all__ = ["danqing"]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One for the module; tasks' ids are of each test's own."""
    with run_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
async def bucket(s3: RunningServer) -> AsyncIterator[FaultyS3]:
    """The S3 with faults, of which it has none yet."""
    async with faulty_s3(s3.url) as proxy:
        yield proxy


@pytest.fixture
def variables(s3: RunningServer, bucket: FaultyS3) -> Mapping[str, str]:
    """What names the bucket with faults, and a place in it of the test's own."""
    url = f"s3://{BUCKET}/{new_token()}"
    return {**credentials(s3), "AWS_ENDPOINT_URL": bucket.url, "DANQING_ASSETS_URL": url}


class TestReading:
    """Whoever asks for what the bucket says it has, and does not give."""

    @pytest.mark.parametrize("fault", [Fault.DENIED, Fault.SHORT])
    async def test_it_is_told_before_anything_is_sent(
        self, bucket: FaultyS3, variables: Mapping[str, str], make_settings: MakeSettings, fault: Fault
    ) -> None:
        """503, by itself, in an archive and in an answer of OpenAI's kind; not 200 and the beginning of nothing."""
        settings = make_settings(**variables)
        async with opened(settings, painter(), workers=True) as client:
            task = await client.system.submit()
            kept = (await client.system.finished(task.id)).outputs["0"].asset
            assert kept is not None
            bucket.fault_of = lambda asked: fault if asked.method == "GET" else None
            wanted: list[tuple[str, str, Any]] = [
                ("GET", f"/api/v1/assets/{kept.key}", {}),
                ("GET", f"/api/v1/assets/{kept.key}", {"headers": {"Range": "bytes=1-9"}}),
                ("POST", "/api/v1/pictures/zip", {"json": {"ids": [f"{task.id}/0"]}}),
                ("POST", "/v1/images/generations", {"json": {"prompt": "x", "response_format": "b64_json"}}),
            ]
            for method, path, more in wanted:
                reply = await client.ask(method, path, **more)
                assert reply.status == 503, (path, reply.status, reply.body)


class TestTaken:
    """Pictures that come as bytes: no link brings them back."""

    async def test_it_is_held_until_the_bucket_takes_it(
        self, bucket: FaultyS3, variables: Mapping[str, str], make_settings: MakeSettings, tmp_path: Path
    ) -> None:
        """However long, and over a restart: it is bought once."""
        settings = make_settings(**variables, DANQING_STOP_GRACE="0")
        provider = painter()
        bucket.fault_of = lambda asked: Fault.DENIED if asked.method == "PUT" else None
        async with running_system(settings, [provider], link_patience=HASTY) as system:
            task = await system.submit(n=2)
            await until(lambda: _are_on_their_way(system, task.id, 2))
            refused = len(bucket.asked)
            await until(lambda: len(bucket.asked) > refused + 20)
        async with running_system(settings, [provider], link_patience=HASTY) as system:
            refused = len(bucket.asked)
            await until(lambda: len(bucket.asked) > refused + 20)
            bucket.fault_of = lambda _asked: None
            done = await system.finished(task.id)
            assert (done.status, len(done.kept)) == (Status.COMPLETED, 2)
            assert (len(provider.jobs), [call.outcome for call in done.calls.values()]) == (1, ["delivered"])
            for output in done.kept:
                assert output.asset is not None
                body = await system.services.assets.read(output.asset.key)
                assert sha256(body).hexdigest() == output.asset.sha256
        assert list((tmp_path / "spool").iterdir()) == []

    async def test_a_stop_in_the_middle_of_a_put_loses_nothing(
        self, bucket: FaultyS3, variables: Mapping[str, str], make_settings: MakeSettings
    ) -> None:
        """A bucket that hangs has not refused it yet."""
        settings = make_settings(**variables, DANQING_STOP_GRACE="0")
        provider = painter()
        bucket.fault_of = lambda asked: Fault.HANGING if asked.method == "PUT" else None
        async with running_system(settings, [provider]) as system:
            task = await system.submit()
            await until(lambda: any(asked.key.endswith(".png") for asked in bucket.asked))
        bucket.fault_of = lambda _asked: None
        async with running_system(settings, [provider]) as system:
            done = await system.finished(task.id)
            assert (done.status, len(provider.jobs)) == (Status.COMPLETED, 1)

    async def test_what_another_machine_held_may_be_made_once_more(
        self, bucket: FaultyS3, variables: Mapping[str, str], make_settings: MakeSettings, tmp_path: Path
    ) -> None:
        """Its disk is not here: the picture is lost, in doubt, and the policy decides."""
        provider = painter()
        bucket.fault_of = lambda asked: Fault.DENIED if asked.method == "PUT" else None
        settings = make_settings(**variables, DANQING_STOP_GRACE="0")
        async with running_system(settings, [provider], link_patience=HASTY) as system:
            task = await system.submit()
            await until(lambda: _are_on_their_way(system, task.id, 1))
        bucket.fault_of = lambda _asked: None
        other = make_settings(**variables, DANQING_DATA_DIR=str(tmp_path / "other"))
        async with running_system(other, [provider], link_patience=HASTY) as system:
            done = await system.finished(task.id)
            assert (done.status, len(provider.jobs)) == (Status.COMPLETED, 2)
            assert sorted(call.outcome for call in done.calls.values()) == ["delivered", "unknown"]

    async def test_a_lost_answer_leaves_one_file(
        self, bucket: FaultyS3, variables: Mapping[str, str], make_settings: MakeSettings
    ) -> None:
        """What the bucket took without saying so is not put beside itself."""
        settings = make_settings(**variables)
        bucket.fault_of = Slow(5, method="HEAD")
        async with running_system(settings, [painter()], link_patience=HASTY) as system:
            done = await system.finished((await system.submit()).id)
            files = [file.key async for file in system.services.assets.place.files(done.id)]
        assert [output.asset.key for output in done.kept if output.asset is not None] == files


async def _are_on_their_way(system: System, task_id: str, count: int) -> bool:
    """Tell whether so many pictures of a task are known to be made, and not ours."""
    states = [output.state for output in (await system.get(task_id)).outputs.values()]
    return states == [OutputState.SOURCED] * count


class TestCommands:
    """What goes through all of a bucket, which then says that it is too much."""

    async def test_what_is_given_a_little_later_is_neither_lost_nor_damaged(
        self,
        bucket: FaultyS3,
        variables: Mapping[str, str],
        make_settings: MakeSettings,
        danqing: Command,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """Neither in a backup nor in a proof; and a move takes it along."""
        settings = make_settings(**variables)
        async with running_system(settings, [painter()]) as system:
            for _ in range(3):
                await system.finished((await system.submit()).id)
        for name, value in settings.environment.items():
            monkeypatch.setenv(name, value)
        bucket.fault_of = Slow(5)
        proved = await danqing("assets", "verify", "--json")
        assert (proved.code, proved.json["damaged"], proved.json["missing"]) == (0, 0, 0), proved.err
        bucket.fault_of = Slow(10, fault=Fault.CUT)
        proved = await danqing("assets", "verify", "--json")
        assert (proved.code, proved.json["damaged"], proved.json["files"]) == (0, 0, 3), proved.err
        bucket.fault_of = Slow(5)
        taken = await danqing("backup", tmp_path / "backups", "--json")
        assert (taken.code, taken.json["lost"], taken.json["new_pictures"]) == (0, 0, 3), taken.err
        monkeypatch.setenv("DANQING_ASSETS_ALSO", settings.assets_url or "")
        monkeypatch.setenv("DANQING_ASSETS_URL", str(tmp_path / "new"))
        bucket.fault_of = Slow(5)
        moved = await danqing("assets", "move", "--json")
        assert (moved.code, moved.json["removed"], moved.json["unreadable"]) == (0, 3, []), moved.err

    async def test_what_is_given_in_part_is_not_moved(
        self,
        bucket: FaultyS3,
        variables: Mapping[str, str],
        make_settings: MakeSettings,
        danqing: Command,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """It stays where it is, whole, and is moved the next time."""
        settings = make_settings(**variables)
        async with running_system(settings, [painter()]) as system:
            (kept,) = (await system.finished((await system.submit()).id)).kept
        assert kept.asset is not None
        monkeypatch.setenv("DANQING_ASSETS_ALSO", settings.assets_url or "")
        moving = {**settings.environment, "DANQING_ASSETS_URL": str(tmp_path / "new")}
        for name, value in moving.items():
            monkeypatch.setenv(name, value)
        bucket.fault_of = lambda asked: Fault.SHORT if asked.method == "GET" and asked.key.endswith("png") else None
        moved = await danqing("assets", "move", "--json")
        assert (moved.code, moved.json["removed"], moved.json["unreadable"]) == (1, 0, [kept.asset.key]), moved.err
        bucket.fault_of = lambda _asked: None
        moved = await danqing("assets", "move", "--json")
        assert (moved.code, moved.json["removed"]) == (0, 1), moved.err
        assert sha256((tmp_path / "new" / kept.asset.key).read_bytes()).hexdigest() == kept.asset.sha256


@attrs.define
class Slow:
    """Refuses each picture so many times before it gives it, or says what it is."""

    times: int
    method: str = "GET"
    fault: Fault = Fault.SLOW_DOWN
    seen: Counter[str] = attrs.field(factory=Counter, init=False)

    def __call__(self, asked: Asked) -> Fault | None:
        """Return what is wrong with a request."""
        if asked.method != self.method or not asked.key.endswith(".png"):
            return None
        self.seen[asked.key] += 1
        return self.fault if self.seen[asked.key] <= self.times else None
