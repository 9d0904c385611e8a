from __future__ import annotations

import pytest

from danqing_server.api.limits import BodyBudget
from danqing_server.errors import Overloaded


class TestBodyBudget:
    def test_bodies_beyond_the_limit_are_refused(self) -> None:
        """And hold nothing."""
        budget = BodyBudget(100)
        with budget.holding(60):
            with pytest.raises(Overloaded), budget.holding(41):
                pass
            with budget.holding(40):
                assert budget.held_bytes == 100
        assert budget.held_bytes == 0

    def test_what_grows_is_given_back_whole(self) -> None:
        """A chunked body counts as it arrives, also when it ends in an error."""
        budget = BodyBudget(100)
        with pytest.raises(Overloaded), budget.holding(0) as holding:
            holding.add(101)
        assert budget.held_bytes == 0
