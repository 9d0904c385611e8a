"""Forms with files: every way of sending one, and every way of sending it badly."""

from __future__ import annotations

import asyncio
import io
import socket
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from sanic import Blueprint, HTTPResponse

from danqing_server.desk.recent import RecentTasks
from danqing_server.http.answers import json_answer
from danqing_server.http.multipart import MOST_FIELD_BYTES, ReceivedForm
from danqing_server.http.replay import Replays
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_post
from danqing_server.serving.app import create_app, listen
from tests.support.system import MakeSettings

LINES = "multipart/form-data; boundary=x"


def parts(*each: str, end: str = "--x--\r\n") -> bytes:
    """Return a form's body of parts, each its head's lines, an empty one, and its content."""
    return "".join(f"--x\r\nContent-Disposition: form-data; {part}\r\n" for part in each).encode() + end.encode()


@pytest.fixture
async def echo(make_settings: MakeSettings) -> AsyncIterator[Any]:
    """An application with one route, which says what form it was sent, and how much of the budget is held."""
    app = create_app(make_settings(DANQING_MAX_BODY_BYTES="2000000"))
    app.ctx.services = SimpleNamespace(replays=Replays(RecentTasks(time.monotonic)))
    routes = Blueprint("echo")

    @on_post(routes, "/echo", public=True)
    async def say(request: ApiRequest) -> HTTPResponse:
        async with ReceivedForm(request) as form:
            files = [[each.name, each.filename, each.media_type, len(each.body)] for each in form.files]
            held = request.app.ctx.body_budget.held_bytes
            return json_answer({"fields": form.fields, "files": files, "held": held}, 200)

    app.blueprint(routes)
    app.config.TOUCHUP = False
    listening = socket.create_server(("127.0.0.1", 0))
    server = await listen(app, listening)
    await server.startup()
    await server.before_start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/echo"
    async with aiohttp.ClientSession() as session:

        async def send(body: Any, **headers: str) -> tuple[int, Any]:
            async with session.post(url, data=body, headers=headers) as answer:
                assert app.ctx.body_budget.held_bytes == 0
                return answer.status, await answer.json(content_type=None)

        yield send
    await server.before_stop()
    server.close()
    await server.wait_closed()


class TestForms:
    """What comes is put together, whatever its order."""

    async def test_fields_and_files(self, echo: Any) -> None:
        """A field may come more than once; a file is what has a file's name. All of it is counted."""
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("image[]", bytes(300_000), filename="一.png", content_type="image/png")
        form.add_field("prompt", "水墨")
        form.add_field("image[]", b"two", filename="2.png", content_type="image/png")
        form.add_field("tag", "a")
        form.add_field("tag", "b")
        status, told = await echo(form)
        assert status == 200
        assert told["fields"] == {"prompt": ["水墨"], "tag": ["a", "b"]}
        assert told["files"] == [["image[]", "一.png", "image/png", 300_000], ["image[]", "2.png", "image/png", 3]]
        assert told["held"] >= 300_003

    async def test_a_piece_at_a_time(self, echo: Any) -> None:
        """Wherever the connection cuts it, in the middle of a boundary too."""
        body = parts('name="a"\r\n\r\none', 'name="f"; filename="f"\r\nContent-Type: a/b\r\n\r\n\r\n--y')

        async def slowly() -> AsyncIterator[bytes]:
            for at in range(0, len(body), 7):
                yield body[at : at + 7]
                await asyncio.sleep(0)

        status, told = await echo(slowly(), **{"Content-Type": LINES})
        assert (status, told["fields"], told["files"]) == (200, {"a": ["one"]}, [["f", "f", "a/b", 5]])


class TestRefused:
    """What makes no sense is refused before it is looked at, and nothing of it is held."""

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (b"{}", "application/json"),
            (b"", "multipart/form-data"),
            (b"", LINES),
            (b"no boundary in here", LINES),
            (parts('name="a"\r\n\r\none', end=""), LINES),
            (parts('name="a"\r\n\r\none', end="--x"), LINES),
            (b"--x\r\nContent-Disposition: form-data; na", LINES),
            (parts("no name\r\n\r\none"), LINES),
            (parts('name="a"\r\nX: ' + "y" * 10_000 + "\r\n\r\none"), LINES),
            (parts(*['name="a"\r\n\r\n1'] * 200), LINES),
            (b"--x\r\nContent-Disposition: attachment\r\n\r\none\r\n--x--\r\n", LINES),
        ],
    )
    async def test_each(self, echo: Any, body: bytes, kind: str) -> None:
        """By 400, in the field `request_body`."""
        status, told = await echo(body, **{"Content-Type": kind})
        assert (status, told["code"], told["details"][0]["field"]) == (400, "validation_failed", "request_body")

    async def test_a_field_is_text(self, echo: Any) -> None:
        """In UTF-8, and no file's size."""
        form = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n%b\r\n--x--\r\n'
        for content in (b"\xff", b"y" * (MOST_FIELD_BYTES + 1)):
            status, told = await echo(io.BytesIO(form % content), **{"Content-Type": LINES})
            assert (status, told["details"][0]["field"]) == (400, "a")

    async def test_more_than_a_body_may_have(self, echo: Any) -> None:
        """Announced or not."""
        body = parts('name="f"; filename="f"\r\n\r\n' + "y" * 3_000_000)

        async def unannounced() -> AsyncIterator[bytes]:
            yield body

        for each in (io.BytesIO(body), unannounced()):
            status, told = await echo(each, **{"Content-Type": LINES})
            assert (status, told["code"]) == (413, "body_too_large")
