from __future__ import annotations

import pytest

from danqing_server.access.gatekeeper import MOST_ADDRESSES, TRIES, Gatekeeper
from danqing_server.access.keys import KeyRing
from danqing_server.errors import TooManyWrongKeys, UnknownKey
from danqing_server.settings.values import ApiKey

RIGHT, OTHER = "1" * 16, "2" * 16
HERE, THERE = "10.0.0.1", "10.0.0.2"


class Fixture:
    """A gatekeeper and its clock."""

    def __init__(self) -> None:
        self.now_s = 0.0
        keys = KeyRing.holding([ApiKey(owner="one", secret=RIGHT), ApiKey(owner="two", secret=OTHER)])
        self.keeper = Gatekeeper(keys, now_s=lambda: self.now_s)

    async def ask(self, secret: str, address: str = HERE) -> str:
        try:
            return (await self.keeper.caller_of(secret, address)).key
        except (UnknownKey, TooManyWrongKeys) as error:
            return type(error).__name__

    async def guess(self, count: int, address: str = HERE) -> list[str]:
        return [await self.ask(f"wrong-{number:012}", address) for number in range(count)]


@pytest.fixture
def door() -> Fixture:
    return Fixture()


class TestBrake:
    """E14: 5,818 wrong keys were looked at in five seconds."""

    async def test_guesses_are_braked(self, door: Fixture) -> None:
        """A few are answered, then one every five seconds."""
        seen = await door.guess(5000)
        assert (seen.count("UnknownKey"), seen.count("TooManyWrongKeys")) == (TRIES, 5000 - TRIES)
        door.now_s += 5
        assert await door.guess(2) == ["UnknownKey", "TooManyWrongKeys"]

    async def test_braked_answer_tells_nothing(self, door: Fixture) -> None:
        """A right guess is answered as a wrong one, until there is a try."""
        await door.guess(TRIES)
        assert await door.ask(RIGHT) == "TooManyWrongKeys"
        door.now_s += 5
        assert await door.ask(RIGHT) == "one"

    async def test_who_worked_there_before_works_on(self, door: Fixture) -> None:
        """Behind one address are many."""
        assert await door.ask(RIGHT) == "one"
        await door.guess(1000)
        assert await door.ask(RIGHT) == "one"
        assert await door.ask(OTHER) == "TooManyWrongKeys"

    async def test_other_addresses_are_not_held_up(self, door: Fixture) -> None:
        """Each address has its own tries."""
        await door.guess(1000)
        assert await door.ask(RIGHT, THERE) == "one"

    async def test_when_to_ask_again_is_told(self, door: Fixture) -> None:
        """In whole seconds."""
        await door.guess(TRIES)
        with pytest.raises(TooManyWrongKeys) as refused:
            await door.keeper.caller_of(RIGHT, HERE)
        assert refused.value.retry_after_s == 5

    async def test_memory_is_bounded(self, door: Fixture) -> None:
        """The oldest address is forgotten."""
        for number in range(MOST_ADDRESSES + 10):
            await door.ask("wrong", str(number))
        assert len(door.keeper._wrong) == MOST_ADDRESSES
