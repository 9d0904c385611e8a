"""How much goes where at once, so that an endpoint that is dead or slow keeps nobody else waiting.

A *way* is a project's way to a host. What happens on one is held against no other: two projects may send to one
host, and one of them to an address there that never answers. A project has a bound over all its ways, and a host
over all projects, so that neither fills every place.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import attrs

from danqing_server.records.deliveries import Way
from danqing_server.store.deliveries import Due, Full

__all__ = ["Hosts"]

T = TypeVar("T")

AT_ONCE = 8
OF_PROJECT = 32
OF_HOST = 100
AILING_S = 60.0
LONGEST_HOLD_S = 300.0
MOST_KNOWN = 10_000


@attrs.define(eq=False)
class Hosts:
    """What this process sends on each way. One that failed lately is sent one at a time, until it answers."""

    now_s: Callable[[], float]
    at_once: int = AT_ONCE
    of_project: int = OF_PROJECT
    of_host: int = OF_HOST
    _under_way: Counter[Way] = attrs.field(factory=Counter, init=False)
    _of_projects: Counter[str | None] = attrs.field(factory=Counter, init=False)
    _of_hosts: Counter[str] = attrs.field(factory=Counter, init=False)
    _ailing_until_s: dict[Way, float] = attrs.field(factory=dict, init=False)
    _held_until_s: dict[Way, float] = attrs.field(factory=dict, init=False)

    def room(self, way: Way) -> int:
        """Return how many more may go on *way* right now."""
        owner, host = way
        mine = self.of_project - self._of_projects[owner]
        return min(self._own_room(way), mine, self.of_host - self._of_hosts[host])

    def full(self) -> Full:
        """Return where nothing more may go."""
        known = {*self._under_way, *self._ailing_until_s, *self._held_until_s}
        return Full(
            projects=tuple(owner for owner, count in self._of_projects.items() if count >= self.of_project),
            hosts=tuple(host for host, count in self._of_hosts.items() if count >= self.of_host),
            ways=tuple(way for way in known if self._own_room(way) <= 0),
        )

    def choose(self, due: Iterable[Due], limit: int) -> Sequence[Due]:
        """Return up to *limit* of *due* that there is room for, by chance: other processes choose as well."""
        candidates = list(due)
        random.shuffle(candidates)
        chosen: list[Due] = []
        for each in candidates:
            if len(chosen) < limit and self.room(each.way) > 0:
                self.enter(each.way)
                chosen.append(each)
        for each in chosen:
            self.leave(each.way)
        return chosen

    def enter(self, way: Way) -> None:
        """Note that something goes on *way*."""
        owner, host = way
        self._under_way[way] += 1
        self._of_projects[owner] += 1
        self._of_hosts[host] += 1

    def leave(self, way: Way) -> None:
        """Note that it is over."""
        owner, host = way
        _take_one(self._under_way, way)
        _take_one(self._of_projects, owner)
        _take_one(self._of_hosts, host)

    def note_good(self, way: Way) -> None:
        """Note that *way* leads somewhere."""
        self._ailing_until_s.pop(way, None)

    def note_bad(self, way: Way, wish_s: float | None = None) -> None:
        """Note that it does not, or that a pause of *wish_s* seconds was asked for; it is kept for a while."""
        self._forget_old()
        self._ailing_until_s[way] = self.now_s() + AILING_S
        if wish_s:
            self._held_until_s[way] = self.now_s() + min(wish_s, LONGEST_HOLD_S)

    def _own_room(self, way: Way) -> int:
        if self._held_until_s.get(way, 0.0) > self.now_s():
            return 0
        most = 1 if self._ailing_until_s.get(way, 0.0) > self.now_s() else self.at_once
        return most - self._under_way[way]

    def _forget_old(self) -> None:
        for known in (self._ailing_until_s, self._held_until_s):
            if len(known) >= MOST_KNOWN:
                now_s = self.now_s()
                for way in [way for way, until_s in known.items() if until_s <= now_s]:
                    del known[way]


def _take_one(counter: Counter[T], key: T) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
