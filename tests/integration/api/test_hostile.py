from __future__ import annotations

import asyncio
import io
import re
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from danqing_plugins import Source
from tests.integration.api.conftest import Client
from tests.support.providers import picture
from tests.support.system import until

Open = Callable[..., Any]

DOORS = ["/api/v1/ai/image/task", "/api/v1/ai/tasks", "/api/v1/users"]

USERS = b"POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\n"

BODIES = {
    "empty": b"",
    "no_json": b"prompt=a",
    "half": b'{"prompt":',
    "list": b"[]",
    "text": b'"x"',
    "number": b"5",
    "null": b"null",
    "bad_utf8": b'{"prompt":"\xff\xfe","user_id":"u"}',
    "nul": b'{"prompt":"a\\u0000b","user_id":"u\\u0000","email":"a\\u0000@b.com"}',
    "nul_key": b'{"a\\u0000":1}',
    "surrogate": b'{"prompt":"\\ud800","user_id":"u"}',
    "deep": b'{"input":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "deep_object": b'{"options":' + b'{"a":' * 500 + b"1" + b"}" * 501,
    "huge_number": b'{"prompt":"a","user_id":"u","n":' + b"9" * 400 + b"}",
    "beyond_64_bit": b'{"prompt":"a","user_id":"u","n":18446744073709551616}',
    "nan": b'{"prompt":"a","user_id":"u","n":NaN}',
    "operator_key": b'{"$where":"sleep(1000)","prompt":"a","user_id":"u"}',
    "operator_value": b'{"prompt":"a","user_id":{"$gt":""},"email":{"$gt":""}}',
    "dotted_key": b'{"prompt":"a","user_id":"u","options":{"a.b":1}}',
    "empty_key": b'{"prompt":"a","user_id":"u","options":{"":1}}',
    "long_text": b'{"prompt":"' + b"x" * 10_000_000 + b'","user_id":"u"}',
    "long_user": b'{"prompt":"a","user_id":"' + b"x" * 10_000_000 + b'"}',
    "many_keys": b"{" + b",".join(b'"k%d":1' % number for number in range(50_000)) + b"}",
    "many_values": b'{"prompt":"a","user_id":"u","options":{"a":[' + b"1," * 110_000 + b"1]}}",
    "byte_order_mark": b'\xef\xbb\xbf{"prompt":"a"}',
}


class TestBodies:
    @pytest.mark.parametrize("door", DOORS)
    @pytest.mark.parametrize("name", BODIES)
    async def test_no_body_breaks_a_door(self, api: Client, door: str, name: str) -> None:
        """400 with our error body, nothing stored, and the answer is short."""
        reply = await api.ask("POST", door, data=io.BytesIO(BODIES[name]))
        assert reply.status == 400, reply.body[:300]
        assert reply.json["code"] == "validation_failed"
        assert reply.json["details"]
        assert len(reply.body) < 20_000

    async def test_malformed_json_is_one_detail(self, api: Client) -> None:
        """Its field is `request_body`."""
        reply = await api.ask("POST", DOORS[0], data=b"{oops")
        assert [detail["field"] for detail in reply.json["details"]] == ["request_body"]

    async def test_prompt_is_in_no_error(self, api: Client) -> None:
        """Not even when it is the fault."""
        for prompt in ("SECRET\x00", "SECRET" * 20_000):
            reply = await api.ask("POST", DOORS[0], json={"prompt": prompt, "user_id": "u"})
            assert reply.status == 400
            assert b"SECRET" not in reply.body

    async def test_large_body_is_refused_before_it_is_read(self, open_api: Open) -> None:
        """413 from its announced length alone, and when it comes in chunks."""
        async with open_api(DANQING_MAX_BODY_BYTES="2048") as api:
            reply = await api.ask("POST", DOORS[0], data=b"x" * 4096)
            assert (reply.status, reply.json["code"]) == (413, "body_too_large")

            async def pieces() -> Any:
                for _ in range(64):
                    yield b"x" * 1024

            chunked = await api.ask("POST", DOORS[0], data=pieces())
            assert chunked.status == 413

    async def test_bodies_in_flight_are_bounded(self, open_api: Open) -> None:
        """What has arrived from one is not there for another: 503 with a time; then there is room again."""
        async with open_api(DANQING_MAX_BODY_BYTES_IN_FLIGHT="4096") as api:
            _, slow = await asyncio.open_connection("127.0.0.1", api.port)
            slow.write(b"POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n{")
            slow.write(b" " * 3900)
            await slow.drain()
            body = b'{"prompt":"a","user_id":"u"}' + b" " * 200
            async with asyncio.timeout(5):
                while (reply := await api.ask("POST", DOORS[0], data=body)).status == 201:
                    pass
            assert (reply.status, reply.json["code"]) == (503, "overloaded")
            assert reply.headers["Retry-After"] == "1"
            slow.close()
            async with asyncio.timeout(5):
                while (await api.ask("POST", DOORS[0], data=body)).status != 201:
                    pass

    async def test_body_in_crumbs_takes_no_more_than_another(self, api: Client) -> None:
        """What is counted is what is held: a chunk of two bytes took fifty."""
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(USERS + b"Transfer-Encoding: chunked\r\n\r\n")
        tracemalloc.start()
        try:
            for _ in range(50):
                writer.write(b"2\r\n  \r\n" * 1000)
                await writer.drain()

            async def arrived() -> bool:
                return bool(api.app.ctx.body_budget.held_bytes == 100_000)

            await until(arrived, what="all of it is there", timeout_s=60)
            held_bytes, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held_bytes < 1_000_000
        writer.write(b"0\r\n\r\n")
        async with asyncio.timeout(10):
            assert (await reader.readline()).split()[1] == b"400"
        writer.close()

    async def test_announcing_takes_nothing(self, api: Client) -> None:
        """E9: idle sockets that announce 64 MiB each block nobody, and are let go after a while."""
        api.app.config.BODY_STEP_S = 0.5
        idle = [await asyncio.open_connection("127.0.0.1", api.port) for _ in range(8)]
        for _, writer in idle:
            writer.write(b"POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nContent-Length: 67108864\r\n\r\n{")
            await writer.drain()
        assert (await api.ask("POST", DOORS[0], json={"prompt": "a", "user_id": "u"})).status == 201
        async with asyncio.timeout(10):
            assert {(await reader.readline()).split()[1] for reader, _ in idle} == {b"408"}
            for reader, writer in idle:
                await reader.read()
                writer.close()

    @pytest.mark.parametrize("announced", [True, False])
    async def test_trickling_body_is_let_go(self, api: Client, announced: bool) -> None:
        """E9: a byte now and then is no body, on a route that wants one and on one that wants none."""
        api.app.config.BODY_STEP_S = 0.5
        length = b"Content-Length: 100000" if announced else b"Transfer-Encoding: chunked"
        for path in ("/api/v1/users", "/api/v1/tasks/t1/cancel"):
            async with asyncio.timeout(10):
                head = b"POST %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n\r\n" % (path.encode(), length)
                answer = await trickle(api, head, b" " if announced else b"1\r\n \r\n")
            assert answer.startswith(b"HTTP/1.1 408"), path

    async def test_body_nobody_asked_for_is_not_waited_for(self, api: Client) -> None:
        """E14: after the answer what is left of the body has a moment, and no second one."""
        head = b"POST /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
        async with asyncio.timeout(10):
            answer = await trickle(api, head, b" ")
        assert answer.startswith(b"HTTP/1.1 404")


async def trickle(api: Client, head: bytes, piece: bytes) -> bytes:
    """Send *head* and then a piece every moment until the server hangs up; return what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(head)
    answer = b""
    with suppress(ConnectionError):
        while not reader.at_eof():
            writer.write(piece)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    answer += await reader.read(65536)
    writer.close()
    return answer


class TestRequests:
    @pytest.mark.parametrize(
        ("raw", "status"),
        [
            (b"nonsense\r\n\r\n", 400),
            (b"GET / HTTP/9.9\r\n\r\n", 400),
            (b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            (b"GET //[ HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
            (b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Pad: " + b"a" * 20_000 + b"\r\n\r\n", 431),
            (b"POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", 400),
            (b"POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n", 413),
            (b"POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
            (
                b"POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nExpect: magic\r\nContent-Length: 2\r\n\r\n{}",
                417,
            ),
        ],
    )
    async def test_broken_http_gets_our_error_body(self, api: Client, raw: bytes, status: int) -> None:
        """From the framework's own errors too."""
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(raw)
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"content-length: (\d+)", head.lower())[1])  # type: ignore[index]
            body = await reader.readexactly(length)
        writer.close()
        assert int(head.split()[1]) == status, body
        assert b'"request_id"' in body
        assert b"x-request-id" in head.lower()

    @pytest.mark.parametrize(
        "head",
        [
            USERS + b"Content-Length : 2\r\n\r\n{}",
            USERS + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
            USERS + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\n{\r\n",
            USERS + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{XX0\r\n\r\n",
            USERS + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
            b"GET /health HTTP/1.1\r\n\r\n",
        ],
    )
    async def test_ambiguous_requests_are_refused_and_cut(self, api: Client, head: bytes) -> None:
        """E14: 400, and what follows on the connection is no request of anybody's."""
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(head + b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 400")
        assert answer.count(b"HTTP/1.1 ") == 1

    async def test_head_that_trickles_is_let_go(self, api: Client) -> None:
        """E14: the time is the whole head's, and does not begin anew with each byte."""
        api.app.config.REQUEST_TIMEOUT = 0.5
        async with asyncio.timeout(10):
            answer = await trickle(api, b"GET /health HTTP/1.1\r\nHost: localhost\r\n", b"X")
        assert answer.startswith(b"HTTP/1.1 408")

    async def test_idle_connections_are_bounded(self, api: Client) -> None:
        """E14: whoever opens many finds some of them closed, and others are answered."""
        api.app.ctx.most_connections = 20
        idle = [await asyncio.open_connection("127.0.0.1", api.port) for _ in range(60)]
        for _, writer in idle[::2]:
            writer.write(b"GET / HT")
        for _ in range(20):
            async with aiohttp.ClientSession() as session, session.get(f"{api.base}/docs") as answer:
                assert answer.status == 200
        assert len(api.server.connections) <= 21
        for _, writer in idle:
            writer.close()

    async def test_client_that_never_reads_is_let_go(self, api: Client) -> None:
        """E7: requests one after another whose answers nobody takes end with the connection."""
        api.app.config.UNREAD_S = 0.5
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port, limit=1)
        async with asyncio.timeout(20):
            with suppress(ConnectionError):
                while not writer.is_closing():
                    writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    await writer.drain()
        assert reader.exception() is not None or writer.is_closing()

    async def test_picture_that_is_asked_for_with_a_body_is_in_no_log(
        self, api: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        """E14: its key is the permission to see it."""
        image = await api.services.assets.keep("t1", 0, Source.from_bytes(picture(30, 20)))
        reply = await api.ask("GET", f"/api/v1/assets/{image.key}", data=b"x" * 100)
        assert reply.status == 200
        assert image.key not in caplog.text

    async def test_who_hangs_up_while_he_waits_is_no_error_of_the_servers(
        self, api: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is told in the log as what it was; nobody is there to read the answer, keep-alive or not."""
        caplog.set_level("DEBUG")
        made = await api.ask("POST", DOORS[0], json={"prompt": "a hill", "user_id": "u"})
        path = f"/api/v1/tasks/{made.json['data']['task_id']}"
        for connection in (b"keep-alive", b"close"):
            caplog.clear()
            _, writer = await asyncio.open_connection("127.0.0.1", api.port)
            head = b"GET %b HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=30\r\nConnection: %b\r\n\r\n"
            writer.write(head % (path.encode(), connection))
            await until(lambda: api.answering() == 1)
            writer.transport.abort()
            await until(lambda: "499" in caplog.text)
            assert "unexpected_error" not in caplog.text

    async def test_expected_body_is_not_asked_for_in_vain(self, api: Client) -> None:
        """E14: who waits for `100 Continue` is refused without it, and the connection ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(b"POST /nope HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 404")

    async def test_unknown_route_and_method(self, api: Client) -> None:
        """404 with the old text, 405 with what is allowed."""
        missing, wrong = await api.ask("GET", "/nope"), await api.ask("PATCH", "/api/v1/users")
        assert (missing.status, missing.json["error"]) == (404, "接口不存在")
        assert wrong.status == 405
        assert {"GET", "POST"} <= set(wrong.headers["Allow"].split(", "))

    async def test_english_is_spoken_when_asked_for(self, api: Client) -> None:
        """By `Accept-Language`."""
        reply = await api.ask("GET", "/nope", headers={"Accept-Language": "en-US,en;q=0.9"})
        assert reply.json["error"] == "No such route"

    async def test_sane_request_ids_are_kept(self, api: Client) -> None:
        """In the header and in the error; others are replaced."""
        kept = await api.ask("GET", "/nope", headers={"X-Request-ID": "abc-1"})
        replaced = await api.ask("GET", "/nope", headers={"X-Request-ID": "a b\u00e9"})
        assert kept.headers["X-Request-ID"] == kept.json["request_id"] == "abc-1"
        assert re.fullmatch(r"[0-9a-f]{16}", replaced.headers["X-Request-ID"])

    @pytest.mark.parametrize("host", ['evil"><script>', "a b", "x\\y", "user@host", "a/b", "[::1]]", "{{7*7}}"])
    async def test_hostile_hosts_are_not_repeated(self, open_api: Open, host: str) -> None:
        """Links then begin with the address the request came in on."""
        from tests.unit.api.tasks import Status, make_task

        async with open_api(DANQING_ALLOWED_HOSTS="*") as api:
            await api.services.store.insert(make_task("t1", Status.COMPLETED))
            reply = await api.ask("GET", "/api/v1/ai/image/result/t1", headers={"Host": host})
            assert reply.json["data"]["image_url"] == f"{api.base}/api/v1/assets/t1/0-abc.png"
