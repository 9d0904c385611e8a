from __future__ import annotations

import pytest

from danqing_server.access.caller import Caller
from danqing_server.doors.idempotency import repeat_of
from danqing_server.errors import InvalidSubmission

LOCAL = Caller.local()
BODY = {"prompt": "a cat", "options": {"a": 1, "b": 2}}


class TestRepeat:
    def test_without_a_key_each_is_its_own(self) -> None:
        """The default."""
        assert repeat_of(None, "/r", BODY, LOCAL, 0) is None

    def test_order_of_keys_means_nothing(self) -> None:
        """The same request, written differently, is the same request."""
        turned = {"options": {"b": 2, "a": 1}, "prompt": "a cat"}
        assert repeat_of("k", "/r", BODY, LOCAL, 0) == repeat_of("k", "/r", turned, LOCAL, 0)

    def test_other_bodies_and_routes_have_other_fingerprints(self) -> None:
        """A key that is used again for something else is noticed."""
        found = [repeat_of("k", route, body, LOCAL, 0) for route, body in [("/r", BODY), ("/s", BODY), ("/r", {})]]
        assert len({repeat.key for repeat in found if repeat}) == 1
        assert len({repeat.fingerprint for repeat in found if repeat}) == 3

    def test_h19_meaning_stands_beside_what_was_sent(self) -> None:
        """H19: stored fingerprints stay what they were; the meaning is told where it differs."""
        plain = repeat_of("k", "/r", BODY, LOCAL, 0, meant=BODY)
        nulls = repeat_of("k", "/r", {**BODY, "size": None}, LOCAL, 0, meant=BODY)
        assert plain is not None
        assert nulls is not None
        assert (plain.meaning, nulls.meaning) == (None, plain.fingerprint)
        assert plain.fingerprint == "0dc46b898ab386c1126bd9abfaf45fef8097c06de2964ed536beeecb8f12f35f"

    def test_h19_identical_requests_join_by_their_meaning(self) -> None:
        """H19: with or without a null."""
        plain = repeat_of(None, "/r", BODY, LOCAL, 30, meant=BODY)
        nulls = repeat_of(None, "/r", {**BODY, "size": None}, LOCAL, 30, meant=BODY)
        assert plain is not None
        assert nulls is not None
        assert plain.key == nulls.key

    def test_key_counts_for_its_owner_alone(self) -> None:
        """Two clients may choose the same word."""
        one, two = (repeat_of("k", "/r", BODY, Caller.with_key(name), 0) for name in ("one", "two"))
        assert one is not None
        assert two is not None
        assert one.key != two.key

    def test_identical_requests_join_when_asked_for(self) -> None:
        """Without a key, for a while."""
        found = repeat_of(None, "/r", BODY, LOCAL, 30)
        assert found is not None
        assert found.joins_for_s == 30

    @pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "é", "a\x00"])
    def test_odd_keys_are_refused(self, key: str) -> None:
        """1 to 255 visible ASCII characters."""
        with pytest.raises(InvalidSubmission):
            repeat_of(key, "/r", BODY, LOCAL, 0)
