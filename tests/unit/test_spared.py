"""What is asked at most so often."""

from __future__ import annotations

import attrs
import pytest

from danqing_server.clock import Clock
from danqing_server.errors import StorageUnavailable
from danqing_server.loops.spared import Spared


@attrs.define
class Asked:
    """Something that is asked, and a clock's hand."""

    times: int = 0
    is_away: bool = False
    at_s: float = 50.0

    async def ask(self) -> None:
        """Count, and answer."""
        self.times += 1
        if self.is_away:
            raise StorageUnavailable("away")


@pytest.fixture
def asked() -> Asked:
    """It works."""
    return Asked()


@pytest.fixture
def spared(asked: Asked) -> Spared:
    """The same, for two seconds."""
    return Spared(asked.ask, Clock(monotonic_s=lambda: asked.at_s), 2.0)


class TestSpared:
    async def test_its_answer_holds_for_a_while(self, asked: Asked, spared: Spared) -> None:
        """And no longer."""
        for at_s, times in ((50.0, 1), (51.9, 1), (52.0, 2), (60.0, 3)):
            asked.at_s = at_s
            await spared()
            assert asked.times == times

    async def test_so_does_its_error(self, asked: Asked, spared: Spared) -> None:
        """Which does not grow by being told."""
        asked.is_away = True
        depths = set()
        for _ in range(3):
            with pytest.raises(StorageUnavailable) as caught:
                await spared()
            depths.add(len(caught.traceback))
        assert (asked.times, len(depths)) == (1, 1)
        asked.at_s, asked.is_away = 52.0, False
        await spared()
