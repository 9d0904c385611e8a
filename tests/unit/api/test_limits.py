from __future__ import annotations

import pytest

from danqing_server.errors import Overloaded
from danqing_server.http.limits import BodyBudget


class TestBodyBudget:
    def test_bodies_beyond_the_limit_are_refused(self) -> None:
        """And hold nothing."""
        budget = BodyBudget(100, 60)
        first, second, third = (budget.holding(caller) for caller in "abc")
        first.add(60)
        with pytest.raises(Overloaded):
            second.add(41)
        third.add(40)
        assert budget.held_bytes == 100
        for each in (first, second, third):
            each.release()
        assert budget.held_bytes == 0

    def test_one_caller_leaves_room_for_others(self) -> None:
        """E9: whatever it sends, and over however many connections."""
        budget = BodyBudget(100, 60)
        one, more, other = budget.holding("a"), budget.holding("a"), budget.holding("b")
        one.add(40)
        with pytest.raises(Overloaded):
            more.add(21)
        other.add(60)
        one.release()
        more.add(40)

    def test_what_grows_is_given_back_whole(self) -> None:
        """A body counts as it arrives; what found no room adds nothing, and once is enough."""
        budget = BodyBudget(100, 100)
        holding = budget.holding("a")
        holding.add(99)
        with pytest.raises(Overloaded):
            holding.add(2)
        assert budget.held_bytes == 99
        holding.release()
        holding.release()
        assert budget.held_bytes == 0
