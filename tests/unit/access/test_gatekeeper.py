from __future__ import annotations

import pytest

from danqing_server.access.gatekeeper import MOST_ADDRESSES, TRIES, Gatekeeper
from danqing_server.access.keys import KeyRing
from danqing_server.errors import TooManyWrongKeys, Unauthenticated
from danqing_server.settings.values import ApiKey

RIGHT = f"Bearer {'1' * 16}"
HERE, THERE = "10.0.0.1", "10.0.0.2"


class Fixture:
    """A gatekeeper and its clock."""

    def __init__(self) -> None:
        self.now_s = 0.0
        keys = KeyRing.holding([ApiKey(owner="one", secret="1" * 16), ApiKey(owner="two", secret="2" * 16)])
        self.keeper = Gatekeeper(keys, lambda: self.now_s)

    def ask(self, key: str | None, address: str = HERE) -> str:
        try:
            return self.keeper.caller_of(key, address).key
        except (Unauthenticated, TooManyWrongKeys) as error:
            return type(error).__name__

    def guess(self, count: int, address: str = HERE) -> list[str]:
        return [self.ask(f"Bearer wrong-{number:012}", address) for number in range(count)]


@pytest.fixture
def door() -> Fixture:
    return Fixture()


class TestBrake:
    """E14: 5,818 wrong keys were looked at in five seconds."""

    def test_guesses_are_braked(self, door: Fixture) -> None:
        """A few are answered, then one every five seconds."""
        seen = door.guess(5000)
        assert (seen.count("UnknownKey"), seen.count("TooManyWrongKeys")) == (TRIES, 5000 - TRIES)
        door.now_s += 5
        assert door.guess(2) == ["UnknownKey", "TooManyWrongKeys"]

    def test_braked_answer_tells_nothing(self, door: Fixture) -> None:
        """A right guess is answered as a wrong one, until there is a try."""
        door.guess(TRIES)
        assert door.ask(RIGHT) == "TooManyWrongKeys"
        door.now_s += 5
        assert door.ask(RIGHT) == "one"

    def test_who_worked_there_before_works_on(self, door: Fixture) -> None:
        """Behind one address are many."""
        assert door.ask(RIGHT) == "one"
        door.guess(1000)
        assert door.ask(RIGHT) == "one"
        assert door.ask(f"Bearer {'2' * 16}") == "TooManyWrongKeys"

    def test_other_addresses_are_not_held_up(self, door: Fixture) -> None:
        """Nor are requests without a key counted: they guess nothing."""
        door.guess(1000)
        assert door.ask(RIGHT, THERE) == "one"
        assert {door.ask(None, THERE) for _ in range(1000)} == {"Unauthenticated"}

    def test_when_to_ask_again_is_told(self, door: Fixture) -> None:
        """In whole seconds."""
        door.guess(TRIES)
        with pytest.raises(TooManyWrongKeys) as refused:
            door.keeper.caller_of(RIGHT, HERE)
        assert refused.value.retry_after_s == 5

    def test_memory_is_bounded(self, door: Fixture) -> None:
        """The oldest address is forgotten."""
        for number in range(MOST_ADDRESSES + 10):
            door.ask("Bearer wrong", str(number))
        assert len(door.keeper._wrong) == MOST_ADDRESSES
