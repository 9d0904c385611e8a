"""`danqing-client` against the running server: what it buys it buys once, whatever is cut."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import httpx
import pytest
from danqing_client import (
    AsyncClient,
    Client,
    Conflict,
    ConnectionFailed,
    Event,
    InvalidRequest,
    NotAuthorized,
    NotFound,
    ServerUnavailable,
    Task,
    TaskFailed,
    WaitTimeout,
)
from PIL import Image

from tests.support.client_libraries import KEY
from tests.support.providers import picture
from tests.support.servers import RunningServer
from tests.support.whole import bills_of

pytestmark = pytest.mark.clients

SMALL = {"size": "1280x720"}


class Cutting(httpx.HTTPTransport):
    """A connection that breaks after the server has answered, for requests that *wanted* says yes to, once each."""

    def __init__(self, wanted: Callable[[httpx.Request], bool], times: int = 1) -> None:
        super().__init__()
        self.wanted, self.left = wanted, times
        self.cut = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if self.wanted(request) and self.left:
            self.left -= 1
            self.cut += 1
            response.close()
            raise httpx.RemoteProtocolError("cut", request=request)
        return response


@pytest.fixture
def client(base: str) -> Iterator[Client]:
    """A client that may do everything."""
    with Client(base, KEY, user_id="tester") as client:
        yield client


class TestGenerate:
    def test_ten_lines(self, client: Client, tmp_path: Path) -> None:
        """A prompt in, a file out."""
        seen: list[str] = []
        task = client.generate(
            "山水 of the python client", on_progress=lambda each: seen.append(each.status), **SMALL
        )
        path = client.save(task.images[0], tmp_path / "hill.jpg")
        with Image.open(path) as image:
            assert image.size == (1280, 720)
        assert (task.status, task.finished, task.user_id, task.sandbox) == ("completed", True, "tester", True)
        assert task.cost is not None
        assert task.cost.currency == "CNY"
        assert set(seen) <= {"pending", "processing"}

    async def test_a_submission_whose_answer_was_cut_is_bought_once(
        self, base: str, sandbox: RunningServer
    ) -> None:
        """It repeats itself under its key, and finds its task."""
        prompt = "a hill whose answer is lost"
        cutting = Cutting(lambda request: request.method == "POST")
        with Client(base, KEY, transport=cutting) as client:
            task = client.generate(prompt, **SMALL)
        assert cutting.cut == 1
        assert task.status == "completed"
        assert len(await bills_of(sandbox, prompt)) == 1

    def test_the_same_key_is_the_same_task(self, client: Client) -> None:
        """Also from another process."""
        first = client.submit("a hill", idempotency_key="order-17", **SMALL)
        assert client.submit("a hill", idempotency_key="order-17", **SMALL).id == first.id

    def test_a_refused_picture_is_an_error_with_its_task(self, client: Client) -> None:
        """And says whether it was billed."""
        with pytest.raises(TaskFailed) as caught:
            client.generate("a hill [sandbox:moderation]", **SMALL)
        error = caught.value.task.error
        assert error is not None
        assert (error.code, error.billed) == ("content_rejected", "no")

    def test_who_does_not_want_to_wait_any_longer(self, client: Client) -> None:
        """The task goes on."""
        with pytest.raises(WaitTimeout) as caught:
            client.generate("a hill", delay=600, timeout_s=0.2, **SMALL)
        assert client.get(caught.value.task.id).status == "scheduled"

    def test_a_picture_that_was_sent_ahead(self, client: Client) -> None:
        """By its bytes; its URI is a reference."""
        upload = client.upload(picture(64, 64))
        assert client.generate("the same, at night", image=[upload.uri], **SMALL).status == "completed"
        assert client.upload(picture(64, 64)).id == upload.id


class TestMoves:
    @pytest.mark.parametrize("what", ["cancel", "delete"])
    def test_a_move_whose_answer_was_cut_is_done(self, base: str, what: str) -> None:
        """The second one is told that it is done already, which is what was wanted."""
        method = "DELETE" if what == "delete" else "POST"
        cutting = Cutting(lambda request: request.method == method and "/ai/" not in request.url.path)
        with Client(base, KEY, transport=cutting) as client:
            task = client.submit("a hill", delay=600, **SMALL)
            getattr(client, what)(task.id)
            assert cutting.cut == 1
            if what == "cancel":
                assert client.get(task.id).status == "cancelled"
                assert client.retry(task.id).status in ("pending", "processing", "completed")
            else:
                with pytest.raises(NotFound):
                    client.get(task.id)

    def test_a_retry_whose_answer_was_cut_is_one_try(self, base: str) -> None:
        """Also when that try had failed before it was asked for again."""

        class Late(Cutting):
            def handle_request(self, request: httpx.Request) -> httpx.Response:
                try:
                    return super().handle_request(request)
                except httpx.RemoteProtocolError:
                    with Client(base, KEY) as other:
                        other.wait(task.id)
                    raise

        cutting = Late(lambda request: request.url.path.endswith("/retry"))
        with Client(base, KEY, transport=cutting) as client:
            task = client.submit("a hill [sandbox:moderation]", **SMALL)
            assert client.wait(task.id).status == "failed"
            assert client.retry(task.id).status == "failed"
            assert cutting.cut == 1
            assert client.wait(task.id).raw["attempts"] == 2

    def test_what_cannot_be_done_says_why(self, client: Client) -> None:
        """A conflict of the user's own making is none of the line's."""
        task = client.generate("a hill", **SMALL)
        with pytest.raises(Conflict) as caught:
            client.cancel(task.id)
        assert caught.value.code == "task_completed"

    def test_all_of_a_users_tasks(self, client: Client) -> None:
        """Page by page, newest first."""
        made = [client.submit(f"hill {number}", delay=600, user_id="many", **SMALL).id for number in range(5)]
        assert [task.id for task in client.tasks(user_id="many", limit=2)] == made[::-1]


class TestErrors:
    def test_every_wrong_field_is_named(self, client: Client) -> None:
        """As it was sent."""
        with pytest.raises(InvalidRequest) as caught:
            client.submit("a hill", size="huge", seedling=1)
        fields = {each["field"] for each in caught.value.details}
        assert {"input.size", "input.seedling"} <= fields
        assert caught.value.request_id

    def test_a_wrong_key(self, base: str) -> None:
        """Is told at once."""
        with Client(base, "dq_key_nobodys", retries=9) as client, pytest.raises(NotAuthorized):
            client.get("any")

    def test_no_server(self) -> None:
        """After as many tries as were allowed."""
        with Client("http://127.0.0.1:1", retries=1) as client, pytest.raises(ConnectionFailed):
            client.get("any")

    def test_what_passes_is_tried_again(self) -> None:
        """As long as it is told to wait; and what does not is not."""
        asked: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.path)
            return httpx.Response(503, json={"code": "draining", "message": "m"}, headers={"retry-after": "0"})

        client = Client("http://x", retries=2, transport=httpx.MockTransport(answer))
        with client, pytest.raises(ServerUnavailable) as caught:
            client.get("any")
        assert (len(asked), caught.value.code) == (3, "draining")

    def test_the_key_goes_nowhere_else(self, client: Client) -> None:
        """A link of an output may lead to another host."""
        seen: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return httpx.Response(404)

        task = client.generate("a hill", **SMALL)
        output = type(task.images[0])(**{**vars(task.images[0]), "url": "http://elsewhere.example/a.png"})
        with Client("http://x", KEY, transport=httpx.MockTransport(answer)) as other, pytest.raises(NotFound):
            other.download(output)
        assert "authorization" not in seen[0].headers


class CutStream(httpx.SyncByteStream):
    """A stream that breaks after the first event in it that has an id."""

    def __init__(self, whole: httpx.SyncByteStream) -> None:
        self.whole = whole

    def __iter__(self) -> Iterator[bytes]:
        seen = b""
        for part in self.whole:
            before, seen = len(seen), seen + part
            ahead, kind, rest = seen.partition(b"event: task")
            event, end, _ = rest.partition(b"\n\n")
            if end:  # several may come in one part
                yield (ahead + kind + event + end)[before:]
                raise httpx.ReadError("cut")
            yield part

    def close(self) -> None:
        self.whole.close()


class CuttingStreams(httpx.HTTPTransport):
    """Connections whose event streams break again and again; `asked_from` has where each went on."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_from: list[str | None] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.url.path.endswith("/events"):
            self.asked_from.append(request.headers.get("last-event-id"))
            assert isinstance(response.stream, httpx.SyncByteStream)
            response.stream = CutStream(response.stream)
        return response


class TestEvents:
    async def test_what_happens_is_told_as_it_happens(self, base: str) -> None:
        """Of one user's tasks, to who has opened the stream."""
        async with AsyncClient(base, KEY, user_id="heard") as client:

            async def listen() -> Task:
                async for event in client.events(user_id="heard"):
                    if event.kind == "task" and event.data["status"] == "completed":
                        return Task.of(event.data)
                raise AssertionError("the stream ended")

            listening = asyncio.create_task(listen())
            while not listening.done():
                await client.generate("a hill that is heard of", **SMALL)
            assert (await listening).user_id == "heard"

    async def test_a_stream_that_is_cut_goes_on_where_it_was(self, base: str) -> None:
        """It is opened again after the last event that came."""
        streams = CuttingStreams()

        def listen() -> list[Event]:
            with Client(base, KEY, transport=streams) as client:
                return list(islice(client.events(user_id="cut"), 2))

        async with AsyncClient(base, KEY, user_id="cut") as other:
            listening = asyncio.create_task(asyncio.to_thread(listen))
            while not listening.done():
                await other.generate("a hill", **SMALL)
        first, second = await listening
        assert second.data["user_id"] == "cut"
        assert streams.asked_from[:2] == [None, first.last_id]

    async def test_a_text_of_any_kind_is_heard(self, base: str) -> None:
        """A prompt out of a web page, whose lines end as Unicode has them end."""
        prompt = "a hill\u2028and a river"
        async with AsyncClient(base, KEY, user_id="pasted") as client:

            async def listen() -> str:
                async for event in client.events(user_id="pasted"):
                    return str(event.data["input"]["prompt"])
                raise AssertionError("the stream ended")

            listening = asyncio.create_task(listen())
            while not listening.done():
                await client.generate(prompt, **SMALL)
            assert await listening == prompt

    def test_a_stream_that_is_cut_within_an_event_goes_on(self) -> None:
        """What came of it is not taken for part of the next."""
        parts = [
            b"id: 1\nevent: task\ndata: {}\n\nid: 2\nevent: task\ndata: {}\n",
            b'event: lane\ndata: {"name": 1}\n\n',
        ]

        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, content=parts.pop(0))

        with Client("http://x", transport=httpx.MockTransport(answer)) as client:
            told = list(islice(client.events(), 2))
        assert [(each.kind, each.data) for each in told] == [("task", {}), ("lane", {"name": 1})]

    def test_who_may_not_listen_is_told(self, base: str) -> None:
        """At once, not after many tries."""
        with Client(base, "wrong") as client, pytest.raises(NotAuthorized):
            next(client.events())

    def test_anything_else_is_asked_for_by_its_path(self, client: Client) -> None:
        """JSON as its data, text as it is."""
        assert {"name", "state"} <= client.request("GET", "/api/v1/lanes")["lanes"][0].keys()
        assert client.request("GET", "/api/v1/usage", params={"format": "csv"}).startswith("day,")
        with pytest.raises(NotFound):
            client.request("GET", "/api/v1/lanes/none")


class TestAsync:
    async def test_the_same_to_be_awaited(self, base: str) -> None:
        """Several at once."""
        async with AsyncClient(base, KEY) as client:
            task = await client.generate("山水 of asyncio", **SMALL)
            body = await client.download(task.images[0])
            assert Image.open(io.BytesIO(body)).size == (1280, 720)
            assert [each.id async for each in client.tasks()] == [task.id]
