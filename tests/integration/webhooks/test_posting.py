"""One try over HTTP: what a hostile or broken receiver can do to it is little."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest
import trustme

from danqing_server.clock import Clock
from danqing_server.delivery.webhooks.posting import Answer, post
from danqing_server.delivery.webhooks.targets import Targets
from tests.support.receiver import Receiver

CLOCK = Clock()
Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def speaking(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Run a server that answers whatever it is asked with these bytes, and hangs up; yields its URL."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0, ssl=tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{port}/"


async def posted(url: str, timeout_s: float = 5.0) -> Answer:
    """Post a message to *url*, loopback allowed."""
    async with Targets(networks=(ip_network("127.0.0.0/8"),)).session(named=False) as session:
        return await post(session, url, b"{}", {"webhook-id": "msg_1"}, CLOCK, timeout_s)


class TestPost:
    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (b"", "broken_answer"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "broken_answer"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", "broken_answer"),
            (b"HTTP/1.1 9999999999 No\r\n\r\n", "broken_answer"),
        ],
    )
    async def test_what_is_no_answer_is_a_failed_try(self, answer: bytes, error: str) -> None:
        """Said in a word, without what was answered."""
        async with speaking(answer) as url:
            got = await posted(url)
        assert (got.status, got.error, got.beginning) == (None, error, None)

    async def test_the_beginning_of_an_answer_is_short_and_escaped(self) -> None:
        """Whatever it holds, it is one line of plain characters."""
        body = b"<b>\r\n\x1b[2J\x00\xff\xe2\x80\xae" + b"A" * 4000
        head = f"HTTP/1.1 500 No\r\nContent-Length: {len(body)}\r\nContent-Encoding: gzip\r\n\r\n".encode()
        async with speaking(head + body) as url:
            got = await posted(url)
        assert got.status == 500
        assert got.beginning is not None
        assert got.beginning.isprintable()
        assert got.beginning.startswith("<b>\\r\\n\\x1b[2J\\x00\\xff\\u202e")
        assert len(got.beginning) < 400

    async def test_an_answer_cut_in_its_body_is_an_answer(self) -> None:
        """Its status came."""
        async with speaking(b"HTTP/1.1 204 OK\r\nContent-Length: 100\r\n\r\n") as url:
            assert (await posted(url)).status == 204

    @pytest.mark.parametrize(
        ("said", "wish_s"),
        [
            ("120", 120),
            ("-5", None),
            ("soon", None),
            ("9" * 400, 999_999_999),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ],
    )
    async def test_retry_after_is_read(self, said: str, wish_s: float | None) -> None:
        """Seconds or a date; anything else says nothing."""
        async with speaking(f"HTTP/1.1 503 No\r\nRetry-After: {said}\r\nContent-Length: 0\r\n\r\n".encode()) as url:
            assert (await posted(url)).retry_after_s == wish_s

    async def test_date_without_a_zone_is_utc(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The third form of a date in HTTP, wherever the machine stands."""
        said = time.asctime(time.gmtime(time.time() + 3600))
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("TZ", "Asia/Shanghai")
            time.tzset()
            try:
                answer = f"HTTP/1.1 503 No\r\nRetry-After: {said}\r\nContent-Length: 0\r\n\r\n".encode()
                async with speaking(answer) as url:
                    wish_s = (await posted(url)).retry_after_s
            finally:
                elsewhere.undo()
                time.tzset()
        assert wish_s == pytest.approx(3600, abs=60)

    async def test_a_certificate_of_nobody_is_refused(self) -> None:
        """Who answers has to be who was named."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        async with speaking(b"HTTP/1.1 200 OK\r\n\r\n", context) as url:
            assert (await posted(url)).error == "tls"

    async def test_a_private_address_is_not_connected_to(self, receiving: Receiver) -> None:
        """By the session's own rule."""
        async with Targets().session(named=False) as session:
            got = await post(session, f"{receiving.url}/ok/private", b"{}", {}, CLOCK)
        assert (got.status, got.error) == (None, "private_address")
        assert receiving.received("/ok/private") == []

    async def test_nobody_there_is_a_failed_try(self) -> None:
        """A refused connection, and a name that leads nowhere."""
        assert (await posted("http://127.0.0.1:1/")).error == "cannot_connect"
        assert (await posted("http://nowhere.invalid/")).error == "no_such_host"
