"""What a move makes of a file that is taken away under its hands: by its task's deletion, or by another move."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest
from obstore.store import MemoryStore

from danqing_server.assets.bucket import Bucket
from danqing_server.assets.folder import Folder, open_folder
from danqing_server.assets.holdings import files_in
from danqing_server.assets.paired import Pair
from danqing_server.assets.spool import Spool
from danqing_server.errors import StorageUnavailable
from danqing_server.upkeep.moving import Moved, Mover

KEY = "t1/0-00.png"


@attrs.frozen(kw_only=True)
class Failing(Bucket):
    """A bucket that says, as one does of what was put there and is gone, that it has it not; *deletes* by whom."""

    deletes: Folder | None

    async def put(self, spool: Spool, key: str) -> None:
        """See `Place.put`."""
        if key.startswith("."):
            return await super().put(spool, key)
        if self.deletes is not None:
            await self.deletes.delete(key)
        raise StorageUnavailable("uploading a picture: FileNotFoundError")


@pytest.fixture
def disk() -> Iterator[ThreadPoolExecutor]:
    """What blocks runs there."""
    with ThreadPoolExecutor() as executor:
        yield executor


@pytest.fixture
def old(tmp_path: Path, disk: ThreadPoolExecutor) -> Folder:
    """The old place, with one file."""
    for name in ("old/t1", "spool"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "old" / KEY).write_bytes(b"a picture")
    return open_folder(tmp_path / "old", tmp_path / "spool", disk)


@attrs.frozen(kw_only=True)
class Shared(Bucket):
    """A bucket to which another move takes a file from *old* as soon as one has put it there."""

    old: Folder

    async def put(self, spool: Spool, key: str) -> None:
        """See `Place.put`."""
        await super().put(spool, key)
        if not key.startswith("."):
            await move(Bucket(store=self.store), self.old, named={key})


async def move(new: Bucket, old: Folder, named: Collection[str] = ()) -> Moved:
    """Move what is at the old place, telling nobody; documents name the files *named*."""

    async def is_orphan(key: str) -> bool:
        return key not in named

    pair = Pair(new=new, old=old, spool=old.spool, disk=old.disk)
    return await Mover(pair, is_orphan, lambda _: None).move()


class TestUpload:
    async def test_of_a_file_that_is_deleted_meanwhile_is_no_failure(self, old: Folder) -> None:
        """It is counted as gone."""
        new = Failing(store=MemoryStore(), deletes=old)
        moved = await move(new, old)
        assert (moved.gone, moved.copied, moved.removed, moved.differing) == (1, 0, 0, [])
        assert [file.key async for file in files_in(new)] == []

    async def test_that_fails_of_a_file_that_is_still_there_is_one(self, old: Folder) -> None:
        """And the file stays where it is."""
        with pytest.raises(StorageUnavailable, match="uploading a picture"):
            await move(Failing(store=MemoryStore(), deletes=None), old)
        assert await old.get(KEY) == b"a picture"


class TestAnotherMove:
    async def test_what_it_took_from_the_old_place_stays_at_the_new_one(self, old: Folder) -> None:
        """A file that a document names was not deleted: the copy is all that is left of it."""
        new = Shared(store=MemoryStore(), old=old)
        moved = await move(new, old, named={KEY})
        assert (moved.gone, moved.copied, moved.removed, moved.differing) == (0, 1, 0, [])
        assert await new.get(KEY) == b"a picture"

    async def test_a_copy_of_what_nobody_names_any_more_goes(self, old: Folder) -> None:
        """Its task was deleted meanwhile, whoever else moved it."""
        new = Shared(store=MemoryStore(), old=old)
        moved = await move(new, old)
        assert moved.gone == 1
        assert [file.key async for file in files_in(new)] == []
