"""Pictures move from one storage to another while the server serves them, whoever dies on the way."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from danqing_plugins import Source
from danqing_server.access.caller import Caller
from danqing_server.assets.holdings import files_in
from danqing_server.assets.keys import upload_key
from danqing_server.errors import NotFound, SettingsError
from danqing_server.settings.server import Settings
from tests.integration.backups.conftest import Command
from tests.support.dying_command import run_command
from tests.support.painting import painter
from tests.support.providers import picture
from tests.support.s3 import BUCKET, credentials, run_s3
from tests.support.servers import RunningServer
from tests.support.system import MakeSettings, System, running_system

TASKS = 12
WAYS = ("folder to folder", "folder to bucket", "bucket to folder")


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The run's S3."""
    with run_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@attrs.define(eq=False)
class Move:
    """A move from `old` to `new`: settings before and while, and what stood at the old place."""

    old: str
    new: str
    variables: Mapping[str, str]
    make_settings: MakeSettings
    bodies: dict[str, bytes] = attrs.field(factory=dict)
    tasks: list[str] = attrs.field(factory=list)

    @property
    def during(self) -> Settings:
        """The settings of server and command while pictures move."""
        return self.make_settings(DANQING_ASSETS_URL=self.new, DANQING_ASSETS_ALSO=self.old, **self.variables)

    @property
    def after(self) -> Settings:
        """The settings once they have."""
        return self.make_settings(DANQING_ASSETS_URL=self.new, **self.variables)

    async def make(self) -> None:
        """Make tasks with pictures, and a thumbnail, at the old place."""
        settings = self.make_settings(DANQING_ASSETS_URL=self.old, **self.variables)
        async with running_system(settings, [painter()]) as system:
            made = [await system.submit() for _ in range(TASKS)]
            for task in made:
                done = await system.finished(task.id, timeout_s=60)
                asset = done.outputs["0"].asset
                assert asset is not None
                self.tasks.append(task.id)
                self.bodies[asset.key] = await system.services.assets.read(asset.key)
            key = next(iter(self.bodies))
            thumbnail = (await system.services.thumbnails.find(key, 256)).key
            self.bodies[thumbnail] = await system.services.assets.read(thumbnail)


@pytest.fixture(params=WAYS)
async def move(
    request: pytest.FixtureRequest, make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Move:
    """A move that is about to begin."""
    old, new, variables = str(tmp_path / "old"), str(tmp_path / "new"), {}
    if "bucket" in request.param:
        variables = dict(credentials(request.getfixturevalue("s3")))
        bucket = f"s3://{BUCKET}/{uuid.uuid4().hex[:12]}"
        del variables["DANQING_ASSETS_URL"]
        old, new = (old, bucket) if request.param.endswith("bucket") else (bucket, new)
    made = Move(old, new, variables, make_settings)
    await made.make()
    for name, value in made.during.environment.items():
        monkeypatch.setenv(name, value)
    return made


async def keys_at(system: System, place: int) -> set[str]:
    """Return what stands at the new place (0) or the old one (1)."""
    return {file.key async for file in files_in(system.services.assets.place.parts[place])}


@asynccontextmanager
async def reading(system: System, bodies: Mapping[str, bytes]) -> AsyncIterator[list[int]]:
    """Read every file again and again while the block lasts; none may be missing or different."""
    rounds = [0]
    over = asyncio.Event()

    async def read_on() -> None:
        while not over.is_set():
            for key, body in bodies.items():
                assert (await system.services.assets.describe(key)).size_bytes == len(body)
                assert await system.services.assets.read(key) == body
                got = [chunk async for chunk in system.services.assets.stream(key, 0, len(body), lambda: 4096)]
                assert b"".join(got) == body
            rounds[0] += 1

    readers = [asyncio.create_task(read_on()) for _ in range(3)]
    try:
        yield rounds
    finally:
        over.set()
        await asyncio.gather(*readers)


class TestMove:
    async def test_readers_never_miss_a_picture(self, move: Move, danqing: Command) -> None:
        """The server runs, writes to the new place, and reads from either; nothing is left at the old one."""
        async with running_system(move.during, [painter()]) as system:
            async with reading(system, move.bodies) as rounds:
                said = await danqing("assets", "move", "--json")
            assert said.code == 0, said.err
            assert (said.json["copied"], said.json["removed"]) == (len(move.bodies), len(move.bodies))
            assert rounds[0] > 0
            assert await keys_at(system, 1) == set()
            assert await keys_at(system, 0) == set(move.bodies)
            new = await system.finished((await system.submit()).id, timeout_s=60)
            assert new.outputs["0"].asset is not None
            move.bodies[new.outputs["0"].asset.key] = await system.services.assets.read(new.outputs["0"].asset.key)
        async with running_system(move.after, [painter()], workers=False) as system:
            for key, body in move.bodies.items():
                assert await system.services.assets.read(key) == body
            assert (await danqing("assets", "verify")).code == 0

    async def test_a_task_that_is_deleted_meanwhile_leaves_nothing(self, move: Move, danqing: Command) -> None:
        """At neither place."""
        async with running_system(move.during, [painter()], workers=False) as system:
            moving = asyncio.create_task(danqing("assets", "move", "--json"))
            for task_id in move.tasks:
                await system.services.control.delete(task_id, Caller.local())
            assert (await moving).code == 0
            place = system.services.assets.place
            assert [file.key for task_id in move.tasks async for file in place.files(task_id)] == []

    async def test_two_moves_at_once_lose_nothing(self, move: Move) -> None:
        """The second is begun as the terminal of the first is gone: neither takes what the other moved."""
        async with running_system(move.during, [painter()], workers=False) as system:
            words = ("assets", "move")
            ended = [asyncio.to_thread(run_command, move.during, *words) for _ in range(2)]
            assert await asyncio.gather(*ended) == [0, 0]
            assert await keys_at(system, 1) == set()
            for key, body in move.bodies.items():
                assert await system.services.assets.read(key) == body

    async def test_what_is_kept_may_be_moved_again(self, move: Move, danqing: Command) -> None:
        """A rehearsal copies, and leaves all where it was; the second one copies nothing."""
        async with running_system(move.during, [painter()], workers=False) as system:
            first = await danqing("assets", "move", "--keep", "--json")
            assert (first.code, first.json["copied"], first.json["removed"]) == (0, len(move.bodies), 0)
            assert await keys_at(system, 1) == set(move.bodies)
            second = await danqing("assets", "move", "--json")
            assert (second.json["copied"], second.json["removed"]) == (0, len(move.bodies))

    async def test_uploads_and_references_work_from_the_old_place(self, move: Move) -> None:
        """A task's copy of an upload is made at the new one."""
        async with running_system(move.during, [painter()], workers=False) as system:
            assets = system.services.assets
            key = upload_key(f"upl_{'0' * 32}", "png")
            old = assets.place.parts[1]
            async with assets.partial() as partial:
                await partial.write(picture())
                if hasattr(old, "spool"):
                    (Path(move.old) / key).parent.mkdir()
                    (Path(move.old) / key).write_bytes(picture())
                else:
                    await old.put(partial.spool, key)
            own = await assets.copy_input("t1", 0, key)
            assert await assets.read(own) == picture()
            assert own in await keys_at(system, 0)


class TestTrouble:
    async def test_two_contents_of_one_name_are_left_alone(
        self, make_settings: MakeSettings, danqing: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody but a person can say which is right."""
        made = Move(str(tmp_path / "old"), str(tmp_path / "new"), {}, make_settings)
        await made.make()
        for name, value in made.during.environment.items():
            monkeypatch.setenv(name, value)
        key, body = next(iter(made.bodies.items()))
        (tmp_path / "new" / key).parent.mkdir(parents=True)
        (tmp_path / "new" / key).write_bytes(bytes(len(body)))
        said = await danqing("assets", "move", "--json")
        assert (said.code, said.json["differing"]) == (1, [key])
        assert (tmp_path / "old" / key).read_bytes() == body

    async def test_without_an_old_place_it_says_what_to_set(self, danqing: Command) -> None:
        """Exit code 2."""
        said = await danqing("assets", "move")
        assert said.code == 2
        assert "DANQING_ASSETS_ALSO" in said.err

    def test_one_place_is_not_two(self, make_settings: MakeSettings) -> None:
        """A move onto itself would remove what it moved."""
        with pytest.raises(SettingsError, match="names the same place"):
            make_settings(DANQING_ASSETS_URL="/a", DANQING_ASSETS_ALSO="/a")

    async def test_one_place_of_two_names_is_not_two(
        self, make_settings: MakeSettings, danqing: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not by a link either; nothing is removed."""
        (tmp_path / "link").symlink_to(tmp_path / "new")
        made = Move(str(tmp_path / "new"), str(tmp_path / "link"), {}, make_settings)
        await made.make()
        for name, value in made.during.environment.items():
            monkeypatch.setenv(name, value)
        said = await danqing("assets", "move")
        assert said.code == 2
        assert "one and the same" in said.err
        assert all((tmp_path / "new" / key).read_bytes() == body for key, body in made.bodies.items())

    async def test_what_is_nowhere_is_not_found(self, make_settings: MakeSettings, tmp_path: Path) -> None:
        """After a look at both, and one more."""
        settings = make_settings(DANQING_ASSETS_ALSO=str(tmp_path / "old"))
        async with running_system(settings, [painter()], workers=False) as system:
            await system.services.assets.keep("t", 0, Source.from_bytes(picture()))
            with pytest.raises(NotFound):
                await system.services.assets.read("t/0-00.png")


@pytest.mark.kills
class TestDeaths:
    @pytest.mark.parametrize(
        "point", ["before:move.copy", "after:move.copy", "before:move.remove", "after:move.remove"]
    )
    async def test_the_next_move_goes_on(
        self,
        make_settings: MakeSettings,
        danqing: Command,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        point: str,
    ) -> None:
        """Every file is at one of the two, and in the end at the new one, as it was."""
        made = Move(str(tmp_path / "old"), str(tmp_path / "new"), {}, make_settings)
        await made.make()
        for name, value in made.during.environment.items():
            monkeypatch.setenv(name, value)
        assert await asyncio.to_thread(run_command, made.during, "assets", "move", dies_at=point) == -9
        async with running_system(made.during, [painter()], workers=False) as system:
            for key, body in made.bodies.items():
                assert await system.services.assets.read(key) == body
            assert (await danqing("assets", "move")).code == 0
            assert await keys_at(system, 1) == set()
            for key, body in made.bodies.items():
                assert await system.services.assets.read(key) == body
