"""What dead processes leave: what goes, and what somebody can go on with."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest

from danqing_server.assets.leftovers import MOST_AGE_S, expire, expire_beside, leftover_name, leftovers_of, sweep
from danqing_server.assets.sources import Origin
from danqing_server.assets.spool import Spool
from danqing_server.errors import StorageUnavailable

LINK = "https://tos.example.com/one.png?X-Tos-Signature=abc"
ORIGIN = Origin(validator='"0x8DBF/+ü"', total=1000)


def left(folder: Path, body: bytes, *, link: str = LINK, origin: Origin = ORIGIN, age_s: float = 0) -> Path:
    """Leave *body* as a process that was killed would."""
    name = leftover_name(link, origin)
    assert name is not None
    path = folder / name
    path.write_bytes(body)
    os.utime(path, (time.time() - age_s,) * 2)
    return path


class TestName:
    """A file's name says all of it."""

    def test_it_is_found_by_its_link(self, tmp_path: Path) -> None:
        """With what the source called its file, the most of it first; another link finds nothing."""
        some, more = left(tmp_path, bytes(10)), left(tmp_path, bytes(500))
        assert leftovers_of(LINK, tmp_path) == [(more, ORIGIN), (some, ORIGIN)]
        assert leftovers_of(LINK + "d", tmp_path) == []

    def test_a_link_is_not_told(self) -> None:
        """Neither it nor its signature stands in a folder."""
        name = leftover_name(LINK, ORIGIN)
        assert name is not None
        assert "abc" not in name.split(".")
        assert "tos" not in name

    def test_the_longest_fits(self, tmp_path: Path) -> None:
        """What is longer than a file's name may be has none."""
        longest = attrs.evolve(ORIGIN, validator=f'"{"a" * 118}"', total=10**18 - 1)
        assert left(tmp_path, b"", origin=longest).exists()
        assert leftover_name(LINK, attrs.evolve(longest, validator=f'"{"a" * 119}"')) is None

    def test_more_than_all_is_none_of_it(self, tmp_path: Path) -> None:
        """A file that has more than its source said is not gone on with."""
        left(tmp_path, bytes(1001))
        assert leftovers_of(LINK, tmp_path) == []


class TestSweep:
    """Files of the dead go, but for those worth going on with."""

    def test_files_without_a_name_are_removed(self, tmp_path: Path) -> None:
        """However young they are."""
        (tmp_path / "dead").write_bytes(b"half")
        assert sweep(tmp_path) == 1
        assert os.listdir(tmp_path) == []

    def test_a_file_under_way_stays(self, tmp_path: Path) -> None:
        """Another process that starts does not take it away, under either name, though it is too large."""
        spool = Spool.within(tmp_path)
        spool.write(b"alive")
        assert sweep(tmp_path) == 0
        name = leftover_name(LINK, ORIGIN)
        assert name is not None
        spool.rename(tmp_path / name)
        assert sweep(tmp_path, most_bytes=0) == 0
        assert spool.path.exists()
        spool.discard()
        assert os.listdir(tmp_path) == []

    def test_what_can_be_gone_on_with_stays(self, tmp_path: Path) -> None:
        """Until its link must be dead."""
        young, old = left(tmp_path, b"young"), left(tmp_path, b"old", age_s=MOST_AGE_S + 60)
        assert sweep(tmp_path) == 1
        assert (young.exists(), old.exists()) == (True, False)

    def test_another_boot_s_goes(self, tmp_path: Path) -> None:
        """The kernel may not have brought all of it to the disk, and zeros tell nothing."""
        path = left(tmp_path, b"lost")
        words = path.name.split(".")
        words[2] = "00000000"
        path.rename(tmp_path / ".".join(words))
        assert leftovers_of(LINK, tmp_path) == []
        assert sweep(tmp_path) == 1

    def test_the_oldest_go_when_it_is_too_much(self, tmp_path: Path) -> None:
        """As many as it takes."""
        paths = [left(tmp_path, bytes(400), age_s=age_s) for age_s in (30, 20, 10)]
        assert sweep(tmp_path, most_bytes=900) == 1
        assert [path.exists() for path in paths] == [False, True, True]


class TestExpiring:
    """A server that runs for months lets go, too, of what nobody went on with."""

    def test_what_is_a_day_old_goes(self, tmp_path: Path) -> None:
        """A link to it lives no longer; what it holds may be of a deleted task."""
        young, old = left(tmp_path, b"young"), left(tmp_path, b"old", age_s=MOST_AGE_S + 60)
        assert expire(tmp_path) == 1
        assert (young.exists(), old.exists()) == (True, False)

    def test_nothing_else_is_touched(self, tmp_path: Path) -> None:
        """A file under way, however slow; one that another machine writes, whose lock is not seen here."""
        slow, other = left(tmp_path, b"slow", age_s=MOST_AGE_S + 60), tmp_path / "0123456789abcdef01234567"
        spool = Spool.within(tmp_path)
        assert spool.take_over(slow)
        other.write_bytes(b"of another machine")
        os.utime(other, (0, 0))
        assert expire(tmp_path) == 0
        assert slow.exists()
        assert other.exists()
        spool.discard()

    async def test_a_spool_that_is_away_is_the_storages_trouble(self, tmp_path: Path) -> None:
        """As an unmounted volume's; it is looked at again later."""
        with ThreadPoolExecutor(1) as disk:
            await expire_beside(tmp_path, disk)
            with pytest.raises(StorageUnavailable):
                await expire_beside(tmp_path / "unmounted", disk)


class TestTakingOver:
    """One process goes on with a file, and only once its writer is gone."""

    def test_it_goes_on(self, tmp_path: Path) -> None:
        """With size and hash of all of it."""
        path = left(tmp_path, b"begin")
        spool, whole = Spool.within(tmp_path), Spool.within(tmp_path)
        assert spool.take_over(path)
        spool.write(b"ning")
        whole.write(b"beginning")
        assert (spool.size_bytes, spool.sha256) == (whole.size_bytes, whole.sha256)
        assert path.read_bytes() == b"beginning"
        spool.discard()
        assert not path.exists()

    def test_one_of_two_has_it(self, tmp_path: Path) -> None:
        """The other begins anew."""
        path = left(tmp_path, b"begin")
        one, other = Spool.within(tmp_path), Spool.within(tmp_path)
        assert (one.take_over(path), other.take_over(path)) == (True, False)
        one.leave()
        assert other.take_over(path)
        other.discard()

    @pytest.mark.parametrize("end", ["discard", "leave"])
    def test_a_cancelled_caller_takes_nothing(self, tmp_path: Path, end: str) -> None:
        """Its thread comes too late: the file stays free for others."""
        path = left(tmp_path, b"begin")
        late, other = Spool.within(tmp_path), Spool.within(tmp_path)
        getattr(late, end)()
        assert not late.take_over(path)
        assert other.take_over(path)
        other.discard()
