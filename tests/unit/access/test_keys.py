from __future__ import annotations

from danqing_server.access.caller import Caller
from danqing_server.access.keys import KeyRing, digest_of
from danqing_server.settings.values import ApiKey

ONE, TWO, ADMIN = "1" * 16, "2" * 16, "3" * 16
RING = KeyRing.holding([ApiKey(owner="one", secret=ONE), ApiKey(owner="two", secret=TWO)], ADMIN)


class TestKeyRing:
    def test_key_names_its_caller(self) -> None:
        """A name of `DANQING_API_KEYS` is a project."""
        assert RING.find(digest_of(TWO)) == Caller.with_key("two")
        assert RING.find(digest_of(ADMIN)) == Caller.administrator()

    def test_anything_else_is_nobodys(self) -> None:
        """Bytes that are no UTF-8 included."""
        assert [RING.find(digest_of(secret)) for secret in ("", "1" * 15, "\udcff")] == [None] * 3

    def test_secrets_are_not_in_its_repr(self) -> None:
        """It may appear in a traceback."""
        assert ONE not in repr(RING)
