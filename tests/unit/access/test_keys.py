from __future__ import annotations

import pytest

from danqing_server.access.caller import Caller
from danqing_server.access.keys import KeyRing
from danqing_server.errors import Unauthenticated
from danqing_server.settings.values import ApiKey

RING = KeyRing.holding([ApiKey(owner="one", secret="1" * 16), ApiKey(owner="two", secret="2" * 16)])


class TestKeyRing:
    def test_key_names_its_caller(self) -> None:
        """Scheme names are case-insensitive."""
        assert RING.caller_of(f"Bearer {'2' * 16}") == Caller.with_key("two")
        assert RING.caller_of(f"bearer  {'1' * 16} ") == Caller.with_key("one")

    @pytest.mark.parametrize(
        "header", [None, "", "Bearer", "Bearer ", f"Basic {'1' * 16}", f"Bearer {'1' * 15}", "Bearer é\udcff"]
    )
    def test_anything_else_is_unauthenticated(self, header: str | None) -> None:
        """Bytes that are no UTF-8 included."""
        with pytest.raises(Unauthenticated):
            RING.caller_of(header)

    def test_no_keys_means_no_authentication(self) -> None:
        """Whatever is sent."""
        assert KeyRing.holding([]).caller_of("Bearer x") == Caller.local()

    def test_secrets_are_not_in_its_repr(self) -> None:
        """It may appear in a traceback."""
        assert "1" * 16 not in repr(RING)
