"""Where a test's server runs: on this machine's loopback, or in a network namespace that stands for a machine."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import attrs

from danqing_server.supervision.processes import Command

__all__ = ["HERE", "Place", "over"]

LOOPBACK = "127.0.0.1"


@attrs.frozen(kw_only=True)
class Place:
    """An address to listen on, and the command that runs another there; empty: it runs where the test does."""

    address: str = LOOPBACK
    entering: tuple[str, ...] = ()

    def move(self, command: Command) -> Command:
        """Return *command*, which names loopback, as it is to be run here."""
        words = (self.address if word == LOOPBACK else word for word in command.argv)
        return attrs.evolve(command, argv=(*self.entering, *words))


HERE = Place()


def over(places: Sequence[Place]) -> Iterator[Place]:
    """Yield the places in turn, for ever: the first server goes to the first."""
    return itertools.cycle(places)
