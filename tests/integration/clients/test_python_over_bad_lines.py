"""`danqing-client` where waiting is refused, the server is silent, or an answer leads elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from danqing_client import (
    ApiError,
    AsyncClient,
    Client,
    ConnectionFailed,
    Output,
    ServerUnavailable,
    TaskRow,
    UnusableProxy,
)

pytestmark = pytest.mark.clients

TASK = {
    "id": "t",
    "status": "completed",
    "type": "image",
    "provider": "p",
    "model": "m",
    "user_id": "u",
    "created_at": "2026-11-30T00:00:00Z",
}


def _client(answer: Callable[[httpx.Request], httpx.Response], **options: Any) -> Client:
    return Client("http://x:8080", "key", transport=httpx.MockTransport(answer), **options)


def _told(data: Any) -> httpx.Response:
    return httpx.Response(200, json={"success": True, "data": data})


class TestWaiting:
    def test_where_no_more_calls_may_wait_one_asks_without(self) -> None:
        """However often waiting is refused."""

        def answer(request: httpx.Request) -> httpx.Response:
            if "prefer" in request.headers:
                return httpx.Response(429, json={"code": "overloaded"}, headers={"retry-after": "0"})
            return _told(TASK)

        with _client(answer, retries=1) as client:
            assert client.wait("t").status == "completed"

    def test_a_proxy_that_cuts_what_waits_ends_no_wait(self) -> None:
        """However often it does, for as long as the task goes on."""
        left = ["processing", "processing", "completed"]

        def answer(request: httpx.Request) -> httpx.Response:
            if "prefer" in request.headers:
                raise httpx.ReadError("thirty seconds without a byte", request=request)
            return _told({**TASK, "status": left.pop(0)})

        with _client(answer, retries=1) as client:
            assert client.wait("t").status == "completed"

    async def test_many_wait_and_others_are_heard(self) -> None:
        """A task is cancelled at once, whoever waits for two hundred others."""

        waiting = asyncio.Semaphore(0)

        async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"prefer" in head:
                waiting.release()
                await reader.read()
            else:
                body = json.dumps({"data": TASK}).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body
                )
            writer.close()

        server = await asyncio.start_server(respond, "127.0.0.1", 0)
        async with server, AsyncClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as client:
            polls = [asyncio.create_task(client.wait(str(number))) for number in range(200)]
            for _ in range(100):
                await waiting.acquire()
            async with asyncio.timeout(30):
                cancelled = await client.cancel("t")
            assert cancelled.id == "t"
            for poll in polls:
                poll.cancel()
            await asyncio.gather(*polls, return_exceptions=True)

    def test_a_server_that_is_silent_is_not_waited_for_much_longer(self) -> None:
        """Than the program waits: ten seconds, in which it may answer late."""
        asked: list[float] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.extensions["timeout"]["read"])
            raise httpx.ReadTimeout("silent", request=request)

        with _client(answer, retries=0) as client, pytest.raises(ConnectionFailed):
            client.wait("t", timeout_s=0.2)
        assert asked[0] < 15

    def test_a_server_that_cannot_answer_in_time_says_why(self) -> None:
        """Not after half a minute that nobody has."""
        begun_s = time.monotonic()

        def answer(_: httpx.Request) -> httpx.Response:
            return httpx.Response(503, json={"code": "draining"}, headers={"retry-after": "20"})

        with _client(answer) as client, pytest.raises(ServerUnavailable):
            client.wait("t", timeout_s=1)
        assert time.monotonic() - begun_s < 10


class TestRequests:
    @pytest.mark.parametrize("method", ["POST", "post", "Post"])
    def test_a_post_is_sent_once(self, method: str) -> None:
        """However it is written: it may have been carried out."""
        asked: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            raise httpx.ReadError("cut", request=request)

        with _client(answer, retries=1) as client, pytest.raises(ConnectionFailed):
            client.request(method, "/api/v1/ai/tasks", json={})
        assert len(asked) == 1

    @pytest.mark.parametrize(
        ("media_type", "body", "found"),
        [
            ("application/json", b'{"success": true, "data": [1]}', [1]),
            ("application/json", b'{"status": "ok"}', {"status": "ok"}),
            ("application/x-ndjson", b'{"line": 1}\n{"line": 2}\n', '{"line": 1}\n{"line": 2}\n'),
            ("text/csv; charset=utf-8", b"day,", "day,"),
            ("application/zip", b"PK\xff", b"PK\xff"),
        ],
    )
    def test_whatever_the_api_has_is_returned(self, media_type: str, body: bytes, found: object) -> None:
        """A batch's results and files, too."""
        with _client(lambda _: httpx.Response(200, content=body, headers={"content-type": media_type})) as client:
            assert client.request("GET", "/any") == found

    @pytest.mark.parametrize(("media_type", "body"), [("text/html", b"<html>"), ("application/json", b'{"ok": 1}')])
    def test_what_is_no_danqing_server_is_called_so(self, media_type: str, body: bytes) -> None:
        """A page that asks to sign in, say, is no task."""
        answer = httpx.Response(200, content=body, headers={"content-type": media_type})
        with _client(lambda _: answer) as client, pytest.raises(ApiError, match="no danqing server"):
            client.get("t")

    def test_a_filter_is_a_word_of_the_query(self) -> None:
        """True as the server writes it."""
        asked: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.query.decode())
            return _told({"tasks": [], "next_cursor": None})

        with _client(answer) as client:
            assert list(client.tasks(partial=True, status=["failed", "cancelled"])) == []
        assert asked == ["partial=true&status=failed%2Ccancelled"]

    def test_a_list_has_rows(self) -> None:
        """Which do not look like tasks that made nothing."""
        row = {**TASK, "prompt": "a hill", "images": 1, "kept": 1, "missing": 0, "url": "http://x/a.png"}
        shown = {**row, "error_code": None, "progress": 1.0, "cost": None, "billed": "yes", "sandbox": True}
        with _client(lambda _: _told({"tasks": [shown], "next_cursor": None})) as client:
            (found,) = client.tasks()
        assert isinstance(found, TaskRow)
        assert (found.id, found.finished, found.kept, found.url) == ("t", True, 1, "http://x/a.png")
        assert not hasattr(found, "outputs")


class TestDownloads:
    BODY = b"a picture"

    def _download(self, url: str, answer: Callable[[httpx.Request], httpx.Response]) -> bytes:
        sha256 = hashlib.sha256(self.BODY).hexdigest()
        output = Output(index=0, url=url, media_type="image/png", size_bytes=9, sha256=sha256)
        with _client(answer) as client:
            return client.download(output)

    def test_a_link_into_the_storage_is_followed(self) -> None:
        """Without the key, which is the server's alone."""
        seen: list[tuple[str, bool]] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append((request.url.host, "authorization" in request.headers))
            if request.url.host == "x":
                return httpx.Response(307, headers={"location": "http://bucket:9000/a.png?X-Amz-Signature=1"})
            return httpx.Response(200, content=self.BODY)

        assert self._download("http://x:8080/api/v1/assets/a.png", answer) == self.BODY
        assert seen == [("x", True), ("bucket", False)]

    def test_another_port_is_another_server(self) -> None:
        """It is told no key, though it is on the same machine."""
        seen: list[bool] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append("authorization" in request.headers)
            return httpx.Response(200, content=self.BODY)

        assert self._download("http://x:9000/bucket/a.png", answer) == self.BODY
        assert self._download("https://x:8080/a.png", answer) == self.BODY
        assert self._download("http://x:8080/a.png", answer) == self.BODY
        assert seen == [False, False, True]


class TestProxies:
    def test_a_server_on_this_machine_needs_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever the shell has; a server elsewhere is told to be out of reach before anything is sent."""
        monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
        for url in ("http://127.0.0.2:1", "http://localhost:1", "http://[::1]:1"):
            with Client(url, retries=0) as client, pytest.raises(ConnectionFailed):
                client.get("t")
        for kind in (Client, AsyncClient):
            with pytest.raises(UnusableProxy, match="socks"):
                kind("https://danqing.example.com")
