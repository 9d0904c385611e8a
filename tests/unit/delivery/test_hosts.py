"""How much goes to each host at once."""

from __future__ import annotations

import attrs

from danqing_server.delivery.webhooks.hosts import AILING_S, Hosts


@attrs.define
class Hands:
    """A clock that a test turns."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


class TestHosts:
    def test_each_has_places_of_its_own(self) -> None:
        """A full one takes none of another's."""
        hosts = Hosts(Hands(), at_once=2)
        hosts.enter("a")
        hosts.enter("a")
        assert (hosts.room("a"), hosts.room("b")) == (0, 2)
        hosts.leave("a")
        assert hosts.rooms() == {"a": 1}

    def test_one_that_failed_gets_one_at_a_time(self) -> None:
        """Until it answers, or it was long ago."""
        hands = Hands()
        hosts = Hosts(hands)
        hosts.note_bad("a")
        assert hosts.room("a") == 1
        hosts.note_good("a")
        assert hosts.room("a") == 8
        hosts.note_bad("a")
        hands.now_s = AILING_S + 1
        assert hosts.room("a") == 8

    def test_one_that_asks_for_a_pause_gets_it(self) -> None:
        """All that goes there waits, for five minutes at most."""
        hands = Hands()
        hosts = Hosts(hands)
        hosts.note_bad("a", 3600)
        assert hosts.room("a") == 0
        hands.now_s = 301
        assert hosts.room("a") == 8
