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
from tests.support.hanging_up import hang_up
from tests.support.system import MakeSettings, until

LINES = "multipart/form-data; boundary=x"


def parts(*each: str, end: str = "--x--\r\n") -> bytes:
    """Return a form's body of parts, each its head's lines, an empty one, and its content."""
    return "".join(f"--x\r\nContent-Disposition: form-data; {part}\r\n" for part in each).encode() + end.encode()


@pytest.fixture
async def app(make_settings: MakeSettings) -> AsyncIterator[Any]:
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
    app.ctx.address = listening.getsockname()
    app.ctx.url = f"http://127.0.0.1:{listening.getsockname()[1]}/echo"
    yield app
    await hang_up(server)


@pytest.fixture
async def echo(app: Any) -> AsyncIterator[Any]:
    """Send the application a form."""
    async with aiohttp.ClientSession() as session:

        async def send(body: Any, **headers: str) -> tuple[int, Any]:
            async with session.post(app.ctx.url, data=body, headers=headers) as answer:
                assert app.ctx.body_budget.held_bytes == 0
                return answer.status, await answer.json(content_type=None)

        yield send


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

    @pytest.mark.parametrize("behind", [b"\r\n", b"\n", b"\r\nand more"])
    async def test_what_stands_behind_its_end_comes_later(self, app: Any, echo: Any, behind: bytes) -> None:
        """A line's end, or more, which is nobody's: wherever the connection cuts it off."""

        async def in_two() -> AsyncIterator[bytes]:
            yield parts('name="a"\r\n\r\none', end="--x--")
            await until(lambda: app.ctx.body_budget.held_bytes, what="its field to be read")
            yield behind

        status, told = await echo(in_two(), **{"Content-Type": LINES})
        assert (status, told["fields"]) == (200, {"a": ["one"]})

    async def test_what_stands_before_its_beginning(self, echo: Any) -> None:
        """Is nobody's either."""
        body = b"a preamble of a mail program\r\n" + parts('name="a"\r\n\r\none')
        status, told = await echo(body, **{"Content-Type": LINES})
        assert (status, told["fields"]) == (200, {"a": ["one"]})

    @pytest.mark.parametrize(
        ("head", "file"),
        [
            ("name=f; filename=a.png; filename*=utf-8''%E4%B8%80.png", ["f", "a.png", "", 3]),
            ("name=\"f\"; filename*=utf-8''%E4%B8%80.png", ["f", "一.png", "", 3]),
            ('filename="a.png"; name="f"\r\nContent-Length: 3', ["f", "a.png", "", 3]),
            ('name="f"\r\nContent-Type: application/octet-stream', ["f", "", "application/octet-stream", 3]),
            ('name="f"\r\ncontent-type: image/png', ["f", "", "image/png", 3]),
        ],
    )
    async def test_how_libraries_say_that_it_is_a_file(self, echo: Any, head: str, file: list[Any]) -> None:
        """By a name in either spelling (.NET, older urllib3), or by the type alone (Dart's `http`)."""
        body = f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + b"\xff\xd8\xff\r\n--x--\r\n"
        status, told = await echo(body, **{"Content-Type": LINES})
        assert (status, told["files"]) == (200, [file])

    @pytest.mark.parametrize(
        ("boundary", "said"),
        [
            ("----=_Part_7_1.2", "----=_Part_7_1.2"),
            ("a:b/c", "a:b/c; charset=utf-8"),
            ("a b", '"a b"'),
            ("x", '"x"; charset=utf-8'),
        ],
    )
    async def test_boundaries_of_many_libraries(self, echo: Any, boundary: str, said: str) -> None:
        """Also what ought to stand in quotes and does not."""
        body = parts('name="a"\r\n\r\none').replace(b"--x", f"--{boundary}".encode())
        status, told = await echo(body, **{"Content-Type": f"multipart/form-data; boundary={said}"})
        assert (status, told["fields"]) == (200, {"a": ["one"]})


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
            (parts('name=""\r\n\r\none'), LINES),
        ],
    )
    async def test_each(self, echo: Any, body: bytes, kind: str) -> None:
        """By 400, in the field `request_body`."""
        status, told = await echo(body, **{"Content-Type": kind})
        assert (status, told["code"], told["details"][0]["field"]) == (400, "validation_failed", "request_body")

    async def test_boundary_of_no_characters(self, app: Any) -> None:
        """A byte that is none in UTF-8 is no boundary either."""
        reader, writer = await asyncio.open_connection(*app.ctx.address)
        kind = b'Content-Type: multipart/form-data; boundary="\xff"'
        writer.write(b"POST /echo HTTP/1.1\r\nHost: localhost\r\n%b\r\nContent-Length: 2\r\n\r\n{}" % kind)
        head = await reader.readuntil(b"\r\n")
        writer.close()
        await writer.wait_closed()
        assert head.startswith(b"HTTP/1.1 400 ")

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
