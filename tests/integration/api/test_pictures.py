from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image

from danqing_plugins import Source
from danqing_server.assets.storage import Asset
from tests.integration.api.conftest import Client
from tests.support.providers import picture
from tests.support.system import until


@pytest.fixture
async def stored(api: Client) -> Asset:
    """A picture in the storage."""
    return await api.services.assets.keep("t1", 0, Source.from_bytes(picture(300, 200)))


class TestPicture:
    async def test_it_is_sent_whole_and_kept_for_good(self, api: Client, stored: Asset) -> None:
        """With the type its bytes have, and nothing a browser could run."""
        reply = await api.ask("GET", f"/api/v1/assets/{stored.key}")
        assert (reply.status, reply.body) == (200, picture(300, 200))
        assert reply.headers["Content-Type"] == "image/png"
        assert "immutable" in reply.headers["Cache-Control"]
        assert reply.headers["Vary"] == "Origin"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Content-Disposition"] == "inline"

    async def test_head_tells_its_length(self, api: Client, stored: Asset) -> None:
        """And sends nothing."""
        reply = await api.ask("HEAD", f"/api/v1/assets/{stored.key}")
        assert (reply.status, reply.body) == (200, b"")
        assert reply.headers["Content-Length"] == str(stored.size_bytes)

    async def test_known_picture_is_not_sent_again(self, api: Client, stored: Asset) -> None:
        """304 by its entity tag."""
        path = f"/api/v1/assets/{stored.key}"
        etag = (await api.ask("GET", path)).headers["ETag"]
        reply = await api.ask("GET", path, headers={"If-None-Match": etag})
        assert (reply.status, reply.body) == (304, b"")

    async def test_parts_are_sent_alone(self, api: Client, stored: Asset) -> None:
        """206 with its place, 416 outside, the whole when it is another picture."""
        path, whole = f"/api/v1/assets/{stored.key}", picture(300, 200)
        part = await api.ask("GET", path, headers={"Range": "bytes=2-9"})
        outside = await api.ask("GET", path, headers={"Range": f"bytes={len(whole)}-"})
        changed = await api.ask("GET", path, headers={"Range": "bytes=2-9", "If-Range": '"other"'})
        assert (part.status, part.body) == (206, whole[2:10])
        assert part.headers["Content-Range"] == f"bytes 2-9/{len(whole)}"
        assert (outside.status, outside.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
        assert (changed.status, changed.body) == (200, whole)

    @pytest.mark.parametrize("key", ["t1/9-a.png", "../etc/passwd", "%2e%2e/x.png", "t1/%00.png", "x" * 9000, "t1"])
    async def test_anything_else_is_not_found(self, api: Client, key: str) -> None:
        """No path leads out of the storage."""
        assert (await api.ask("GET", f"/api/v1/assets/{key}")).status == 404

    async def test_client_that_does_not_read_holds_no_picture(self, api: Client) -> None:
        """The stream waits for it with a few hundred kilobytes in hand, and others are served meanwhile."""
        file = io.BytesIO()
        Image.new("RGB", (3000, 3000)).save(file, "PNG", compress_level=0)
        stored = await api.services.assets.keep("t2", 0, Source.from_bytes(file.getvalue()))
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port, limit=1024)
        writer.write(f"GET /api/v1/assets/{stored.key} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        [held] = await until(api.waiting_to_write, what="the server waiting for its client")
        assert 0 < held < 512 * 1024 < stored.size_bytes
        assert (await api.ask("GET", "/api/v1/queue/stats")).status == 200
        writer.close()
