"""Downloads from servers that are slow, short, gone or endless."""

from __future__ import annotations

import asyncio
import tracemalloc
from pathlib import Path

import aiohttp
import attrs
import pytest

from danqing_plugins import Source
from danqing_server.assets.opening import open_assets
from danqing_server.assets.storage import Assets
from danqing_server.errors import PictureRejected, SourceUnavailable
from danqing_server.settings.server import Settings
from tests.integration.assets.conftest import LIMITS, Answer, Serve, eventually, files_below, respond
from tests.unit.assets.pictures import bitmap_header, picture

BODY = picture("png", 500, 400)


async def hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def stall(writer: asyncio.StreamWriter) -> None:
    await respond(BODY[:200_000], length=len(BODY))(writer)
    await writer.drain()
    await hang(writer)


async def trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def reset(writer: asyncio.StreamWriter) -> None:
    await respond(BODY[:1000], length=len(BODY))(writer)
    await writer.drain()
    writer.transport.abort()


async def chunked_cut(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\x89PNG\r\r\n")


async def until_close(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + BODY)


class TestTaken:
    """A picture is taken by what arrives, whatever the server calls it."""

    @pytest.mark.parametrize(
        "answer", [respond(BODY), respond(BODY, "200 OK", "Content-Type: text/html"), until_close]
    )
    async def test_a_whole_picture_is_kept(self, assets: Assets, serve: Serve, answer: Answer) -> None:
        """By one GET, with the signed URL as it was written."""
        upstream = await serve(answer)
        asset = await assets.keep("t", 0, Source.from_url(upstream.url))
        assert await assets.read(asset.key) == BODY
        assert asset.media_type == "image/png"
        assert [head.split("\r\n")[0] for head in upstream.requests] == [
            "GET /a%2Fb_0.jpeg?X-Tos-Signature=a%2bB%7E&b= HTTP/1.1"
        ]

    async def test_three_redirects_are_followed(self, assets: Assets, serve: Serve) -> None:
        """And a fourth is not."""
        onward = respond(b"", "302 Found", "Location: /next")
        upstream = await serve(onward, onward, onward, respond(BODY))
        assert (await assets.keep("t", 0, Source.from_url(upstream.url))).size_bytes == len(BODY)
        endless = await serve(onward)
        with pytest.raises(SourceUnavailable, match="more than 3 times"):
            await assets.keep("t", 0, Source.from_url(endless.url))
        assert len(endless.requests) == 4


class TestUnavailable:
    """What cannot be had says whether it ever will, and leaves nothing."""

    @pytest.mark.parametrize(
        ("answer", "gone"),
        [
            (respond(b"no", "400 Bad Request"), False),
            (respond(b"no", "429 Too Many Requests"), False),
            (respond(b"no", "500 Internal Server Error"), False),
            (respond(b"no", "206 Partial Content"), False),
            (respond(BODY[:-10], length=len(BODY)), False),
            (respond(b"", "302 Found", "Location: ftp://example.com/a"), True),
            (respond(b"", "302 Found", "Location: file:///etc/passwd"), True),
            (respond(b"", "302 Found", "Location: http://u:p@127.0.0.1/a"), True),
            (hang, False),
            (stall, False),
            (trickle, False),
            (reset, False),
            (chunked_cut, False),
        ],
    )
    async def test_each_way_to_fail(
        self, assets: Assets, serve: Serve, tmp_path: Path, answer: Answer, gone: bool
    ) -> None:
        """Within the limits of time, with no word of the signed URL in the error or its causes."""
        upstream = await serve(answer)
        async with asyncio.timeout(LIMITS.total_s + 1):
            with pytest.raises(SourceUnavailable) as caught:
                await assets.keep("t", 0, Source.from_url(upstream.url))
        assert caught.value.gone is gone
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        assert "Signature" not in str(caught.value)
        assert files_below(tmp_path) == []

    @pytest.mark.parametrize(
        ("status", "refused"),
        [
            ("403 Forbidden", True),
            ("404 Not Found", True),
            ("410 Gone", True),
            ("500 Oh", False),
            ("400 No", False),
        ],
    )
    async def test_a_refusal_is_not_taken_for_good(
        self, assets: Assets, serve: Serve, status: str, refused: bool
    ) -> None:
        """H2: a link may answer 403 or 404 in its first seconds; its status is told, and the keeper decides."""
        upstream = await serve(respond(b"no", status))
        with pytest.raises(SourceUnavailable) as caught:
            await assets.keep("t", 0, Source.from_url(upstream.url))
        assert caught.value.gone is False
        assert caught.value.status == int(status[:3])
        assert caught.value.refused is refused

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "nonsense",
            "ftp://h/a",
            "ws://h/a",
            "http://",
            "http://h:99999/",
            "http://[::1/a",
            f"http://{'a' * 70}.example/",
            "http://../",
        ],
    )
    async def test_a_url_that_is_none_is_gone(self, assets: Assets, url: str) -> None:
        """Asking again would not help."""
        with pytest.raises(SourceUnavailable) as caught:
            await assets.keep("t", 0, Source.from_url(url))
        assert caught.value.gone is True

    async def test_a_refused_connection_may_be_tried_again(self, assets: Assets, serve: Serve) -> None:
        """The server may only be restarting."""
        with pytest.raises(SourceUnavailable) as caught:
            await assets.keep("t", 0, Source.from_url("http://127.0.0.1:1/a.png"))
        assert caught.value.gone is False

    @pytest.mark.parametrize("answer", [hang, stall])
    async def test_a_stall_ends_long_before_the_whole_time(
        self, settings: Settings, session: aiohttp.ClientSession, serve: Serve, answer: Answer
    ) -> None:
        """`stall_s` counts from the last byte, wherever the server fell silent."""
        upstream = await serve(answer)
        limits = attrs.evolve(LIMITS, stall_s=0.2, total_s=60.0)
        async with open_assets(settings, session, limits=limits) as assets, asyncio.timeout(10):
            with pytest.raises(SourceUnavailable) as caught:
                await assets.keep("t", 0, Source.from_url(upstream.url))
        assert caught.value.gone is False

    async def test_cancelling_removes_the_spool_file(self, assets: Assets, serve: Serve, tmp_path: Path) -> None:
        """In the middle of a download."""
        upstream = await serve(stall)
        keeping = asyncio.create_task(assets.keep("t", 0, Source.from_url(upstream.url)))
        await eventually(lambda: files_below(tmp_path) != [])
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping
        assert files_below(tmp_path) == []


class TestSize:
    """Too much is refused as soon as it is known, and much takes no memory."""

    async def test_an_announced_size_is_refused_at_once(self, assets: Assets, serve: Serve) -> None:
        """Before its body comes."""
        upstream = await serve(respond(b"", length=LIMITS.max_bytes + 1))
        with pytest.raises(PictureRejected) as caught:
            await assets.keep("t", 0, Source.from_url(upstream.url))
        assert caught.value.code == "too_large"

    async def test_an_endless_body_is_cut_at_the_limit(self, assets: Assets, serve: Serve, tmp_path: Path) -> None:
        """Without a Content-Length it is counted."""

        async def endless(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(bytes(65536))
                await writer.drain()

        upstream = await serve(endless)
        with pytest.raises(PictureRejected) as caught:
            await assets.keep("t", 0, Source.from_url(upstream.url))
        assert caught.value.code == "too_large"
        assert files_below(tmp_path) == []

    async def test_a_hundred_megabytes_pass_through_few(
        self, settings: Settings, session: aiohttp.ClientSession, serve: Serve
    ) -> None:
        """Download, hash and storage hold no more than a few chunks."""
        header = bitmap_header(6000, 6000)

        async def large(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + header)
            row = bytes(18_000 * 10)
            for _ in range(600):
                writer.write(row)
                await writer.drain()

        upstream = await serve(large)
        limits = attrs.evolve(LIMITS, max_bytes=128 * 1024 * 1024, total_s=60.0)
        async with open_assets(settings, session, limits=limits) as assets:
            tracemalloc.start()
            try:
                asset = await assets.keep("t", 0, Source.from_url(upstream.url))
                _, peak_bytes = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert asset.size_bytes == 54 + 108_000_000
        assert peak_bytes < 8_000_000
