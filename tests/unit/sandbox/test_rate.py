"""So many in a minute."""

from __future__ import annotations

import pytest

from danqing_providers.sandbox.rate import Rate
from danqing_providers.sandbox.troubles import Trouble, TroubleKind


class TestRate:
    """Counted by name and minute."""

    def test_whole_requests_until_the_minute_is_full(self) -> None:
        """A group that does not fit is refused whole; the next minute, and another name, are free."""
        now_s = [600.0]
        rate = Rate(lambda: now_s[0])
        rate.take("m", 3, 5)
        with pytest.raises(Trouble) as caught:
            rate.take("m", 3, 5)
        assert caught.value.kind is TroubleKind.RATE_LIMITED
        rate.take("m", 2, 5)
        rate.take("other", 5, 5)
        now_s[0] = 660.0
        rate.take("m", 5, 5)
