from __future__ import annotations

import pytest

from danqing_server.api.limits import BodyBudget
from danqing_server.errors import Overloaded


class TestBodyBudget:
    def test_bodies_beyond_the_limit_are_refused(self) -> None:
        """And hold nothing."""
        budget = BodyBudget(100)
        first = budget.holding(60)
        with pytest.raises(Overloaded):
            budget.holding(41)
        second = budget.holding(40)
        assert budget.held_bytes == 100
        first.release()
        second.release()
        assert budget.held_bytes == 0

    def test_what_grows_is_given_back_whole(self) -> None:
        """A chunked body counts as it arrives; what found no room adds nothing, and once is enough."""
        budget = BodyBudget(100)
        holding = budget.holding(0)
        holding.add(99)
        with pytest.raises(Overloaded):
            holding.add(2)
        assert budget.held_bytes == 99
        holding.release()
        holding.release()
        assert budget.held_bytes == 0
