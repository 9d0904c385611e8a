"""A folder of backups of which something is damaged: what is good is listed, kept and added to."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from danqing_server.settings.server import Settings
from tests.integration.backups.conftest import Command
from tests.support.painting import painter
from tests.support.providers import picture
from tests.support.system import System, running_system


@pytest.fixture
async def system(settings: Settings) -> AsyncIterator[System]:
    """A running system with one picture."""
    async with running_system(settings, [painter()]) as running:
        await running.finished((await running.submit()).id)
        yield running


def damage(path: Path) -> None:
    """Cut a file."""
    path.write_bytes(path.read_bytes()[:-9])


def stranger(folder: Path) -> Path:
    """Return a file that stands among the pictures and is none."""
    strange = next(folder.glob("pictures/??")) / ".nfs000000000badcafe00000001"
    strange.write_bytes(b"")
    return strange


class TestOneThatIsDamaged:
    async def test_the_others_are_listed(self, system: System, danqing: Command, folder: Path) -> None:
        """It is named with what is wrong; the exit code says that something is."""
        first, second = [(await danqing("backup", folder, "--json")).json["id"] for _ in range(2)]
        damage(folder / "runs" / first / "manifest.json")

        told = await danqing("backup", "list", folder)
        said = await danqing("backup", "list", folder, "--json")

        assert (told.code, said.code) == (1, 1), told.err
        assert [line.partition(":")[0] for line in told.out.splitlines()] == [first, second]
        assert "no manifest" in told.out
        assert [(each["id"], "error" in each) for each in said.json] == [(first, True), (second, False)]
        assert (await danqing("backup", "verify", folder)).code == 0

    async def test_the_next_one_is_taken_and_told(self, system: System, danqing: Command, folder: Path) -> None:
        """Which pictures it needs is not known any more, so none goes; both is said."""
        first, second = [(await danqing("backup", folder, "--json")).json["id"] for _ in range(2)]
        damage(folder / "runs" / second / "pictures.jsonl.gz")

        taken = await danqing("backup", folder, "--keep", "2", "--json")

        third = taken.json["id"]
        assert (taken.code, f"{third} is taken" in taken.err) == (1, True)
        assert f"{second}/pictures.jsonl.gz" in taken.err
        assert {each.name for each in (folder / "runs").iterdir()} == {second, third} - {first}
        assert (await danqing("backup", "verify", folder)).code == 0


class TestWhatIsNotOurs:
    async def test_among_the_pictures_it_is_left_alone(
        self, system: System, danqing: Command, folder: Path
    ) -> None:
        """A network file system keeps under such a name what somebody still reads."""
        await danqing("backup", folder)
        strange = stranger(folder)

        taken = await danqing("backup", folder, "--keep", "1")

        assert taken.code == 0, taken.err
        assert strange.exists()


class TestTheCacheOfNames:
    async def test_one_that_is_damaged_is_begun_anew(self, system: System, danqing: Command, folder: Path) -> None:
        """Nothing but time is lost: what it knew is read again."""
        reference = "data:image/png;base64," + base64.b64encode(picture(40)).decode()
        await system.finished((await system.submit(image=reference)).id)
        assert (await danqing("backup", folder)).code == 0
        names = folder / "names.sqlite"
        body = names.read_bytes()
        names.write_bytes(body[:4096] + b"\xff" * (len(body) - 4096))
        with pytest.raises(sqlite3.DatabaseError), closing(sqlite3.connect(names)) as database:
            database.execute("SELECT * FROM names WHERE key = 'a'").fetchone()

        taken = [await danqing("backup", folder) for _ in range(2)]

        assert [each.code for each in taken] == [0, 0], taken[0].err
        with closing(sqlite3.connect(names)) as database:
            assert database.execute("SELECT count(*) FROM names").fetchone() == (1,)
