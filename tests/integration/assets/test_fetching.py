"""URLs that users give lead to public addresses only."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from danqing_server.assets.fetching import fetch_public, public_session
from danqing_server.errors import PictureRejected, SourceUnavailable
from tests.integration.assets.conftest import Serve, respond
from tests.unit.assets.pictures import picture

BODY = picture("jpeg", 60, 40)


class Names(AbstractResolver):
    """A resolver that gives each asking the next answer, the last one ever after."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Answer without asking anyone."""
        self.asked.append(host)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in self.answers[min(len(self.asked), len(self.answers)) - 1]
        ]

    async def close(self) -> None:
        """Nothing is open."""


def only_here(host: str) -> bool:
    """Take 127.0.0.1 for a public address, and nothing else."""
    return host == "127.0.0.1"


async def fetch(session: aiohttp.ClientSession, url: str, limit_bytes: int = 100_000) -> tuple[bytes, str]:
    return await fetch_public(url, session=session, limit_bytes=limit_bytes, timeout_s=1.0)


@asynccontextmanager
async def refused() -> AsyncIterator[None]:
    """Expect the refusal of an address, which is not the failure to connect to one."""
    with pytest.raises(SourceUnavailable, match="not public") as caught:
        yield
    assert caught.value.gone is True


class TestRefused:
    """Private addresses are not connected to, however they are written."""

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "localhost",
            "0x7f000001",
            "0.0.0.0",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "169.254.169.254",
            "[fd00::1]",
        ],
    )
    async def test_a_private_host_is_refused(self, serve: Serve, host: str) -> None:
        """Names of this machine and odd spellings included; nothing arrives there."""
        upstream = await serve(respond(BODY))
        async with public_session() as session, refused():
            await fetch(session, f"http://{host}:{upstream.port}/a.jpeg")
        assert upstream.connections == 0

    @pytest.mark.parametrize("host", ["127.1", "2130706433", "0177.0.0.1", "[fe80::1%251]"])
    async def test_an_odd_spelling_leads_nowhere(self, serve: Serve, host: str) -> None:
        """What is no plain address is refused as one or as a URL, for good, and nothing arrives."""
        upstream = await serve(respond(BODY))
        async with public_session() as session:
            with pytest.raises(SourceUnavailable) as caught:
                await fetch(session, f"http://{host}:{upstream.port}/a.jpeg")
        assert caught.value.gone is True
        assert upstream.connections == 0

    async def test_a_name_with_private_addresses_is_refused(self, serve: Serve) -> None:
        """Whichever of them would be tried."""
        upstream = await serve(respond(BODY))
        names = Names(("127.0.0.1", "10.0.0.1", "::1"))
        async with public_session(resolver=names) as session, refused():
            await fetch(session, f"http://inside.example:{upstream.port}/")
        assert upstream.connections == 0

    async def test_a_redirect_inwards_is_refused(self, serve: Serve) -> None:
        """It is checked like the first address."""
        inside = await serve(respond(BODY))
        outside = await serve(respond(b"", "302 Found", f"Location: http://127.0.0.2:{inside.port}/"))
        async with public_session(allowed=only_here) as session, refused():
            await fetch(session, outside.url)
        assert len(outside.requests) == 1

    async def test_a_rebound_name_is_refused(self, serve: Serve) -> None:
        """The name is asked once per connection, and the address connected is the one that was checked."""
        upstream = await serve(respond(BODY))
        names = Names(("127.0.0.1",), ("127.0.0.2",))
        url = f"http://rebind.example:{upstream.port}/a.jpeg"
        async with public_session(resolver=names, allowed=only_here) as session:
            assert await fetch(session, url) == (BODY, "image/jpeg")
            assert names.asked == ["rebind.example"]
            async with refused():
                await fetch(session, url)
        assert names.asked == ["rebind.example"] * 2
        assert upstream.connections == 1

    async def test_credentials_in_a_redirect_are_refused(self, serve: Serve) -> None:
        """As they are at submission."""
        upstream = await serve(respond(b"", "302 Found", "Location: http://u:p@127.0.0.1/"))
        async with public_session(allowed=only_here) as session:
            with pytest.raises(SourceUnavailable):
                await fetch(session, upstream.url)


class TestFetched:
    """What is public is fetched, within limits."""

    async def test_the_server_sees_the_name(self, serve: Serve) -> None:
        """The address is pinned, the Host header is not."""
        upstream = await serve(respond(BODY, "200 OK", "Content-Type: text/html", "Set-Cookie: a=b"))
        async with public_session(resolver=Names(("127.0.0.1",)), allowed=only_here) as session:
            for _ in range(2):
                assert await fetch(session, f"http://pictures.example:{upstream.port}/") == (BODY, "image/jpeg")
        assert f"Host: pictures.example:{upstream.port}" in upstream.requests[1]
        assert "Cookie" not in upstream.requests[1]

    @pytest.mark.parametrize(
        ("body", "code"),
        [(b"<html></html>", "not_a_picture"), (BODY + bytes(100_000), "too_large"), (BODY[:15], "truncated")],
    )
    async def test_other_things_are_rejected(self, serve: Serve, body: bytes, code: str) -> None:
        """By their bytes."""
        upstream = await serve(respond(body))
        async with public_session(allowed=only_here) as session:
            with pytest.raises(PictureRejected) as caught:
                await fetch(session, upstream.url)
        assert caught.value.code == code

    async def test_a_silent_server_is_left(self, serve: Serve) -> None:
        """After `timeout_s`."""

        async def silent(writer: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        upstream = await serve(silent)
        async with public_session(allowed=only_here) as session, asyncio.timeout(10):
            with pytest.raises(SourceUnavailable) as caught:
                await fetch(session, upstream.url)
        assert caught.value.gone is False
