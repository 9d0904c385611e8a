"""Images per minute."""

from __future__ import annotations

import pytest

from danqing_providers.sandbox.ark.errors import ArkError
from danqing_providers.sandbox.rate import ImageRate


class TestImageRate:
    """Counted by model and minute."""

    def test_whole_requests_until_the_minute_is_full(self) -> None:
        """A group that does not fit is refused whole; the next minute, and another model, are free."""
        now_s = [600.0]
        rate = ImageRate(5, lambda: now_s[0])
        rate.take("m", 3)
        with pytest.raises(ArkError, match="IPM") as caught:
            rate.take("m", 3)
        assert (caught.value.status, caught.value.code) == (429, "ModelAccountIpmRateLimitExceeded")
        rate.take("m", 2)
        rate.take("other", 5)
        now_s[0] = 660.0
        rate.take("m", 5)
