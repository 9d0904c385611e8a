"""How much goes where at once."""

from __future__ import annotations

import attrs

from danqing_server.delivery.webhooks.hosts import AILING_S, Hosts
from danqing_server.store.deliveries import Due, Full

A, B = ("shop", "a"), ("shop", "b")
OTHERS = ("lab", "a")


@attrs.define
class Hands:
    """A clock that a test turns."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


class TestHosts:
    def test_each_way_has_places_of_its_own(self) -> None:
        """A full one takes none of another's: of another host, or of another project at the same one."""
        hosts = Hosts(Hands(), at_once=2)
        hosts.enter(A)
        hosts.enter(A)
        assert (hosts.room(A), hosts.room(B), hosts.room(OTHERS)) == (0, 2, 2)
        assert hosts.full() == Full(ways=(A,))
        hosts.leave(A)
        assert (hosts.room(A), hosts.full()) == (1, Full())

    def test_a_project_fills_no_more_than_its_part(self) -> None:
        """However many hosts it names."""
        hosts = Hosts(Hands(), of_project=3)
        for host in "xyz":
            hosts.enter(("shop", host))
        assert (hosts.room(A), hosts.room(OTHERS)) == (0, 3)
        assert hosts.full() == Full(projects=("shop",))
        hosts.leave(("shop", "x"))
        assert hosts.room(A) == 1

    def test_a_host_fills_no_more_than_its_part(self) -> None:
        """However many projects name it."""
        hosts = Hosts(Hands(), of_host=2)
        for project in ("shop", None):
            hosts.enter((project, "a"))
        assert (hosts.room(OTHERS), hosts.room(B)) == (0, 2)
        assert hosts.full() == Full(hosts=("a",))

    def test_one_that_failed_gets_one_at_a_time(self) -> None:
        """Until it answers, or it was long ago; another project's way there is not touched."""
        hands = Hands()
        hosts = Hosts(hands)
        hosts.note_bad(A)
        assert (hosts.room(A), hosts.room(OTHERS)) == (1, 8)
        hosts.note_good(A)
        assert hosts.room(A) == 8
        hosts.note_bad(A)
        hands.now_s = AILING_S + 1
        assert hosts.room(A) == 8

    def test_one_that_asks_for_a_pause_gets_it(self) -> None:
        """All that goes there waits, for five minutes at most."""
        hands = Hands()
        hosts = Hosts(hands)
        hosts.note_bad(A, 3600)
        assert (hosts.room(A), hosts.full()) == (0, Full(ways=(A,)))
        hands.now_s = 301
        assert hosts.room(A) == 8

    def test_what_is_chosen_keeps_to_every_bound(self) -> None:
        """Of much that is due no way, project or host gets more than it has room for."""
        hosts = Hosts(Hands(), at_once=2, of_project=3)
        due = [
            Due(id=f"{owner}{host}{n}", owner=owner, host=host) for owner, host in (A, B, OTHERS) for n in range(9)
        ]
        chosen = [each.way for each in hosts.choose(due, 100)]
        assert chosen.count(OTHERS) == 2
        assert chosen.count(A) + chosen.count(B) == 3
        assert (len(hosts.choose(due, 4)), hosts.full()) == (4, Full())
