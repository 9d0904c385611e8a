"""Backups go into a bucket, and come out of one; a bucket that is not there changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from danqing_server.settings.server import Settings
from danqing_server.supervision.embedded.servers import free_port
from tests.integration.backups.conftest import Command
from tests.integration.backups.test_restore import documents_of, pictures_of
from tests.support.dying_command import run_command
from tests.support.painting import painter
from tests.support.s3 import BUCKET, client_of, credentials, run_s3
from tests.support.servers import RunningServer
from tests.support.system import MakeSettings, System, running_system

Aim = Callable[[Settings], None]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One for the module; prefixes are of each test's own."""
    with run_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def aim(monkeypatch: pytest.MonkeyPatch) -> Aim:
    """Let the commands that follow work with other settings."""

    def at(settings: Settings) -> None:
        for name, value in settings.environment.items():
            monkeypatch.setenv(name, value)

    return at


@attrs.frozen
class Bucket:
    """Where a test's pictures stand: what begins with `prefix`."""

    client: Any
    prefix: str

    def objects(self) -> Mapping[str, str]:
        """Return the hash of every file but thumbnails and checks, by its key."""
        listed = self.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{self.prefix}/").get("Contents", [])
        keys = [each["Key"] for each in listed if not each["Key"].endswith("/.check")]
        bodies = {key: self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}
        return {
            key.removeprefix(f"{self.prefix}/"): hashlib.sha256(body).hexdigest() for key, body in bodies.items()
        }

    def damage(self, key: str, size: int) -> None:
        """Put *size* other bytes there."""
        self.client.put_object(Bucket=BUCKET, Key=f"{self.prefix}/{key}", Body=bytes(size))


@pytest.fixture
def bucket(s3: RunningServer) -> Bucket:
    """This test's own part of it."""
    return Bucket(client_of(s3), uuid.uuid4().hex[:12])


@pytest.fixture
def target(make_settings: MakeSettings, s3: RunningServer, bucket: Bucket, tmp_path: Path) -> Settings:
    """Settings of a server of which nothing is there yet, with its pictures in a bucket."""
    names = {"DANQING_DATABASE": f"test_{uuid.uuid4().hex[:16]}", "DANQING_DATA_DIR": str(tmp_path / "elsewhere")}
    away = {**credentials(s3), "DANQING_ASSETS_URL": f"s3://{BUCKET}/{bucket.prefix}"}
    return make_settings(**names, **away)


@pytest.fixture
async def kept(
    system: System, settings: Settings, target: Settings, danqing: Command, folder: Path, aim: Aim
) -> Mapping[str, str]:
    """The pictures of a server, by hash, that a backup was taken of; the commands that follow are for another."""
    assert (await danqing("backup", folder)).code == 0
    aim(target)
    return pictures_of(settings)


class TestInto:
    async def test_every_picture_is_there_to_its_hash(
        self, kept: Mapping[str, str], target: Settings, bucket: Bucket, danqing: Command, folder: Path
    ) -> None:
        """Of a server that had them in a folder; the new one serves them, and its backup is the same again."""
        planned = await danqing("restore", folder, "--dry-run", "--json")
        assert (planned.code, planned.json["pictures"]) == (0, len(kept)), planned.err
        assert bucket.objects() == {}
        restored = await danqing("restore", folder, "--json")
        assert (restored.code, restored.json["pictures"]) == (0, len(kept)), restored.err
        assert bucket.objects() == kept
        async with running_system(target, [painter()]) as served:
            for key, sha256 in kept.items():
                assert hashlib.sha256(await served.services.assets.read(key)).hexdigest() == sha256
        again = await danqing("backup", folder, "--json")
        assert (again.code, again.json["pictures"], again.json["new_pictures"]) == (0, len(kept), 0), again.err

    async def test_what_is_there_is_looked_at(
        self, kept: Mapping[str, str], settings: Settings, bucket: Bucket, danqing: Command, folder: Path
    ) -> None:
        """What is whole stays; another content of the same name and size does not count."""
        assert (await danqing("restore", folder)).code == 0
        damaged = sorted(kept)[0]
        size = (settings.data_dir / "pictures" / damaged).stat().st_size
        bucket.damage(damaged, size)
        again = await danqing("restore", folder, "--overwrite", "--json")
        assert (again.code, again.json["pictures"], again.json["pictures_there"]) == (0, 1, len(kept) - 1), (
            again.err
        )
        assert bucket.objects() == kept


class TestAway:
    @pytest.mark.parametrize("trouble", ["no_bucket", "no_endpoint"])
    async def test_nothing_is_changed(
        self,
        kept: Mapping[str, str],
        target: Settings,
        make_settings: MakeSettings,
        danqing: Command,
        folder: Path,
        aim: Aim,
        trouble: str,
    ) -> None:
        """No document is removed, and no mark made, under which no server would start; a rehearsal tells it."""
        assert (await danqing("restore", folder)).code == 0
        before = documents_of(target)
        away = {
            "no_bucket": {"DANQING_ASSETS_URL": "s3://another/danqing"},
            "no_endpoint": {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"},
        }[trouble]
        aim(make_settings(**{**_own(target), **away}))
        for words in (("--dry-run",), ("--overwrite",)):
            refused = await danqing("restore", folder, *words)
            assert (refused.code, refused.err.count("\n")) == (7, 1), words
        assert documents_of(target) == before
        aim(target)
        async with running_system(target, [painter()]):
            pass


@pytest.mark.kills
class TestDeaths:
    async def test_it_goes_on(
        self, kept: Mapping[str, str], target: Settings, bucket: Bucket, danqing: Command, folder: Path
    ) -> None:
        """Killed once the pictures are there, it brings none of them again."""
        died = await asyncio.to_thread(
            run_command, target, "restore", str(folder), dies_at="after:restore.pictures"
        )
        assert died == -signal.SIGKILL
        again = await danqing("restore", folder, "--json")
        assert (again.code, again.json["pictures"], again.json["pictures_there"]) == (0, 0, len(kept)), again.err
        assert bucket.objects() == kept


def _own(settings: Settings) -> Mapping[str, str]:
    """Return the variables of *settings* that a test chose."""
    names = ("DANQING_DATABASE", "DANQING_DATA_DIR", "DANQING_ASSETS_URL")
    return {name: value for name, value in settings.environment.items() if name in names or name.startswith("AWS_")}
