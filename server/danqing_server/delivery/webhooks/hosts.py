"""How much goes to each host at once, so that one that is dead or slow keeps nobody else waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import attrs

__all__ = ["Hosts"]

AT_ONCE = 8
AILING_S = 60.0
LONGEST_HOLD_S = 300.0
MOST_KNOWN = 10_000


@attrs.define(eq=False)
class Hosts:
    """What this process sends to each host. One that failed lately is sent one at a time, until it answers."""

    now_s: Callable[[], float]
    at_once: int = AT_ONCE
    _under_way: Counter[str] = attrs.field(factory=Counter, init=False)
    _ailing_until_s: dict[str, float] = attrs.field(factory=dict, init=False)
    _held_until_s: dict[str, float] = attrs.field(factory=dict, init=False)

    def room(self, host: str) -> int:
        """Return how many more may go to *host* right now."""
        if self._held_until_s.get(host, 0.0) > self.now_s():
            return 0
        most = 1 if self._ailing_until_s.get(host, 0.0) > self.now_s() else self.at_once
        return most - self._under_way[host]

    def rooms(self) -> Mapping[str, int]:
        """Return `room` of every host that has less than all."""
        return {host: self.room(host) for host in {*self._under_way, *self._ailing_until_s, *self._held_until_s}}

    def enter(self, host: str) -> None:
        """Note that something goes to *host*."""
        self._under_way[host] += 1

    def leave(self, host: str) -> None:
        """Note that it is over."""
        self._under_way[host] -= 1
        if self._under_way[host] <= 0:
            del self._under_way[host]

    def note_good(self, host: str) -> None:
        """Note that *host* answers."""
        self._ailing_until_s.pop(host, None)

    def note_bad(self, host: str, wish_s: float | None = None) -> None:
        """Note that *host* does not, or asked for a pause of *wish_s* seconds; it is kept for a while."""
        self._forget_old()
        self._ailing_until_s[host] = self.now_s() + AILING_S
        if wish_s:
            self._held_until_s[host] = self.now_s() + min(wish_s, LONGEST_HOLD_S)

    def _forget_old(self) -> None:
        for known in (self._ailing_until_s, self._held_until_s):
            if len(known) >= MOST_KNOWN:
                now_s = self.now_s()
                for host in [host for host, until_s in known.items() if until_s <= now_s]:
                    del known[host]
