"""Hosts whose name servers never answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import attrs
import pytest

from danqing_server.assets.fetching import public_session
from danqing_server.assets.names import Names
from danqing_server.delivery.webhooks.targets import Targets
from tests.support.system import until

MANY = 100


@attrs.define(eq=False)
class Silence:
    """What a look-up comes to whose server does not answer: nothing, and its thread waits."""

    over: threading.Event = attrs.field(factory=threading.Event)
    asked: list[str] = attrs.field(factory=list)

    def look_up(self, host: str, *_: Any, **__: Any) -> list[Any]:
        """Wait."""
        self.asked.append(host)
        self.over.wait()
        return []


@pytest.fixture
async def silence() -> AsyncIterator[Silence]:
    silence = Silence()
    yield silence
    silence.over.set()


async def post(session: aiohttp.ClientSession, number: int) -> None:
    async with session.post(f"https://x{number}.example.com/", data=b"{}"):
        pass


async def is_free() -> bool:
    """Tell whether the event loop's threads have time, for a large body or a service's name."""
    async with asyncio.timeout(5):
        return await asyncio.to_thread(lambda: True)


class TestSilentNames:
    async def test_naming_targets_holds_up_nothing_else(self, silence: Silence) -> None:
        """Those who name targets wait a moment each, as ever."""
        targets = Targets(checked=Names(look_up=silence.look_up))
        async with asyncio.TaskGroup() as asking:
            for number in range(MANY):
                asking.create_task(targets.look_up(f"https://x{number}.example.com/"))
            await until(_some_asked(silence), what="names are looked up")
            assert await is_free()

    @pytest.mark.parametrize("kind", ["webhooks", "references"])
    async def test_connecting_holds_up_nothing_else(self, silence: Silence, kind: str) -> None:
        """Of deliveries, and of reference pictures that are fetched for a service."""
        names = Names(look_up=silence.look_up)
        sessions = {
            "webhooks": lambda: Targets(checked=names).session(named=False),
            "references": lambda: public_session(resolver=names),
        }
        async with sessions[kind]() as session:
            sending = [asyncio.create_task(post(session, number)) for number in range(MANY)]
            await until(_some_asked(silence), what="names are looked up")
            assert await is_free()
            for each in sending:
                each.cancel()
            await asyncio.gather(*sending, return_exceptions=True)

    async def test_who_waits_goes_on_when_one_is_found(self, silence: Silence) -> None:
        """One that was given up keeps its place until its thread is done."""
        names = Names(most=2, look_up=silence.look_up)
        given_up = [asyncio.create_task(names.resolve(f"x{number}.example.com")) for number in range(2)]
        await until(_some_asked(silence), what="names are looked up")
        for each in given_up:
            each.cancel()
        waiting = asyncio.create_task(names.resolve("y.example.com"))
        await asyncio.gather(*given_up, return_exceptions=True)
        assert names.is_full
        assert sorted(silence.asked) == ["x0.example.com", "x1.example.com"]
        silence.over.set()
        async with asyncio.timeout(5):
            assert await waiting == []
        assert not names.is_full


class TestNames:
    async def test_a_name_is_found(self) -> None:
        """As the system finds it."""
        found = await Names().resolve("localhost", 443)
        assert {each["host"] for each in found} <= {"127.0.0.1", "::1"}
        assert found

    async def test_what_is_no_name_says_so(self) -> None:
        """To who asks."""
        with pytest.raises((OSError, UnicodeError)):
            await Names().resolve("x" * 300)


def _some_asked(silence: Silence) -> Any:
    async def look() -> bool:
        return len(silence.asked) >= 2

    return look
