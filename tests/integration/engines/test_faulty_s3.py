"""A bucket that is under load, or in trouble: what is asked of it, and what becomes of what it refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import attrs
import pytest

from tests.integration.backups.conftest import Command, danqing
from tests.support.faulty_s3 import Asked, Fault, FaultyS3, faulty_s3
from tests.support.painting import painter
from tests.support.s3 import credentials, run_s3
from tests.support.servers import RunningServer
from tests.support.system import MakeSettings, running_system

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
    """What names the bucket with faults."""
    return {**credentials(s3), "AWS_ENDPOINT_URL": bucket.url}


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
        bucket.fault_of = Slow(5)
        taken = await danqing("backup", tmp_path / "backups", "--json")
        assert (taken.code, taken.json["lost"], taken.json["new_pictures"]) == (0, 0, 3), taken.err
        monkeypatch.setenv("DANQING_ASSETS_ALSO", settings.assets_url or "")
        monkeypatch.setenv("DANQING_ASSETS_URL", str(tmp_path / "new"))
        bucket.fault_of = Slow(5)
        moved = await danqing("assets", "move", "--json")
        assert (moved.code, moved.json["removed"], moved.json["unreadable"]) == (0, 3, []), moved.err


@attrs.define
class Slow:
    """Refuses each picture so many times before it gives it."""

    times: int
    seen: Counter[str] = attrs.field(factory=Counter, init=False)

    def __call__(self, asked: Asked) -> Fault | None:
        """Return what is wrong with a request."""
        if asked.method != "GET" or not asked.key.endswith(".png"):
            return None
        self.seen[asked.key] += 1
        return Fault.SLOW_DOWN if self.seen[asked.key] <= self.times else None
