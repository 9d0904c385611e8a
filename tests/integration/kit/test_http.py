"""One exchange with a service: what goes out, what comes of its answer, and what a broken connection means."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    OutcomeUnknown,
    PluginError,
    RateLimited,
    Text,
    Unavailable,
)
from danqing_plugins.kit.failures import Failures, Rule, find_refusal
from danqing_plugins.kit.http import Outgoing, Part, Service

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]
KEY = "acme-key-0123456789"
PROMPT = "a fox that reads the newspaper at night"
BLOCKED = {"error": {"code": "moderation_blocked", "message": "No."}}
INVALID = {"detail": [{"loc": ["body"], "msg": "field required", "type": "missing"}]}
FAILURES = Failures(
    service=Text("Acme", "安科"),
    rules=(
        Rule(ContentRejected, codes=("moderation_blocked",)),
        Rule(RateLimited, codes=("slow_down",), scope="model", pause_s=7.0),
        Rule(Unavailable, codes=("upstream_failed",)),
    ),
    setting="ACME_ENDPOINT",
)


@attrs.define(eq=False)
class Call:
    """What of a call an exchange touches."""

    id: str = "call-7"
    request_id: str | None = None
    usage: dict[str, Any] = attrs.field(factory=dict)

    def release(self, indexes: Any) -> None:
        """Do nothing."""


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return a session as a run's: no total timeout."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as opened:
        yield opened


@asynccontextmanager
async def acme(handle: Handle, **settings: Any) -> AsyncIterator[Service]:
    """Serve *handle* on loopback as everything that Acme is."""
    app = web.Application()
    app.router.add_route("*", "/v1/{rest:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield Service(
            failures=FAILURES,
            base_url=f"http://{host}:{port}/v1",
            headers={"Authorization": f"Bearer {KEY}"},
            secrets=(KEY,),
            **settings,
        )
    finally:
        await runner.cleanup()


def says(status: int, body: Any, **headers: str) -> Handle:
    """Answer with *status* and *body*."""

    async def handle(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, str):
            return web.Response(status=status, text=body, headers=named)
        return web.json_response(body, status=status, headers=named)

    return handle


async def cut(request: web.Request) -> web.StreamResponse:
    """Cut the connection when the request is here."""
    await request.read()
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


class TestSending:
    """What goes out."""

    async def test_json_with_headers_and_the_id_of_the_call(self, session: aiohttp.ClientSession) -> None:
        """The service can be asked about a call by our own id."""
        seen: list[Any] = []

        async def handle(request: web.Request) -> web.StreamResponse:
            seen.append((request.path_qs, dict(request.headers), await request.json()))
            return web.json_response({"id": 1}, headers={"x-request-id": "req-1"})

        call = Call()
        async with acme(handle, params={"api-version": "v 1"}) as service:
            answer = await service.post(session, "/images", {"prompt": PROMPT}, call=call, headers={"X-More": "1"})
        path, headers, body = seen[0]
        assert path == "/v1/images?api-version=v%201"
        assert headers["Authorization"] == f"Bearer {KEY}"
        assert headers["X-Client-Request-Id"] == "call-7"
        assert headers["X-More"] == "1"
        assert body == {"prompt": PROMPT}
        assert answer.document == {"id": 1}
        assert (call.request_id, answer.request_id) == ("req-1", "req-1")

    async def test_multipart(self, session: aiohttp.ClientSession) -> None:
        """Files go with their names and types."""
        seen: dict[str, Any] = {}

        async def handle(request: web.Request) -> web.StreamResponse:
            form = await request.post()
            seen["prompt"] = form["prompt"]
            file = form["image"]
            assert isinstance(file, web.FileField)
            seen["image"] = (file.filename, file.content_type, file.file.read())
            return web.json_response({})

        async with acme(handle) as service:
            image = Part(name="image", body=b"\x89PNG", filename="a.png", media_type="image/png")
            await service.post(session, "/edits", parts=(Part(name="prompt", body="a fox"), image))
        assert seen == {"prompt": "a fox", "image": ("a.png", "image/png", b"\x89PNG")}

    async def test_signature_covers_the_bytes_that_are_sent(self, session: aiohttp.ClientSession) -> None:
        """The signer sees method, address and body as they go out."""
        signed: list[Outgoing] = []

        def sign(outgoing: Outgoing) -> dict[str, str]:
            signed.append(outgoing)
            return {"X-Signature": "s"}

        async def handle(request: web.Request) -> web.StreamResponse:
            assert await request.read() == signed[0].body
            assert str(request.url) == signed[0].url
            assert request.headers["X-Signature"] == "s"
            return web.json_response({})

        async with acme(handle, sign=sign) as service:
            await service.post(session, "/", {"prompt": "猫"}, params={"Action": "A B"})
        assert signed[0].method == "POST"

    async def test_too_large_a_request_never_leaves(self, session: aiohttp.ClientSession) -> None:
        """It is refused as the user's, before anything is paid."""
        async with acme(cut, most_request_bytes=100) as service:
            with pytest.raises(InvalidRequest) as caught:
                await service.post(session, "/images", {"prompt": "x" * 200})
        assert caught.value.code == "request_too_large"

    async def test_key_never_goes_to_an_address_that_is_not_the_services(
        self, session: aiohttp.ClientSession
    ) -> None:
        """An address of an answer is followed on the same server only."""
        async with acme(says(200, {"status": "done"})) as service:
            answer = await service.get(session, f"{service.base_url}/requests/1")
            assert answer.document == {"status": "done"}
            with pytest.raises(Unavailable) as caught:
                await service.get(session, "https://elsewhere.example/requests/1")
        assert caught.value.code == "foreign_address"

    async def test_signature_covers_the_bytes_of_a_form(self, session: aiohttp.ClientSession) -> None:
        """And its type, whose boundary is in both."""
        signed: list[Outgoing] = []

        def sign(outgoing: Outgoing) -> dict[str, str]:
            signed.append(outgoing)
            return {}

        async def handle(request: web.Request) -> web.Response:
            body = await request.read()
            assert body == signed[0].body
            assert request.headers["Content-Type"] == signed[0].headers["Content-Type"]
            assert request.content_type == "multipart/form-data"
            return web.json_response({"has": [part in body for part in (b"png", "狐狸".encode())]})

        file = Part(name="image", body=b"png", filename="a.png", media_type="image/png")
        async with acme(handle, sign=sign) as service:
            answer = await service.post(session, "/images", parts=(file, Part(name="prompt", body="狐狸")))
        assert answer.document == {"has": [True, True]}


class TestRefusals:
    """The table first, the status second."""

    @pytest.mark.parametrize(
        ("status", "body", "kind", "code"),
        [
            (400, BLOCKED, ContentRejected, "moderation_blocked"),
            (500, {"error": {"type": "upstream_failed", "message": "No."}}, Unavailable, "upstream_failed"),
            (200, BLOCKED, ContentRejected, "moderation_blocked"),
            (400, {"error": "size is wrong"}, InvalidRequest, "invalid_request"),
            (422, INVALID, InvalidRequest, "missing"),
            (401, '"Invalid token"', AccountProblem, "account_problem"),
            (403, {"code": 30001, "message": "balance"}, AccountProblem, "30001"),
            (404, "<html>", AccountProblem, "account_problem"),
            (302, "", AccountProblem, "account_problem"),
            (429, {"message": "TPM"}, RateLimited, "rate_limited"),
            (408, "", Unavailable, "provider_unavailable"),
            (502, "<html>", OutcomeUnknown, "outcome_unknown"),
            (500, {"error": {"message": "?"}}, OutcomeUnknown, "outcome_unknown"),
        ],
    )
    async def test_meaning(
        self, session: aiohttp.ClientSession, status: int, body: Any, kind: type[PluginError], code: str
    ) -> None:
        """Every shape that services complain in is read, and keeps the service's own code."""
        async with acme(says(status, body)) as service:
            with pytest.raises(PluginError) as caught:
                await service.post(session, "/images", {"prompt": PROMPT})
        assert type(caught.value) is kind
        assert caught.value.code == code

    async def test_job_with_an_error_of_its_own_is_no_refusal(self, session: aiohttp.ClientSession) -> None:
        """Where a service says so: the question was answered."""
        job = {"id": 1, "status": "failed", "error": "out of memory"}
        async with acme(says(200, job)) as service:
            with pytest.raises(Unavailable):
                await service.get(session, "/jobs/1")
            lenient = attrs.evolve(service, failures=attrs.evolve(FAILURES, find=find_refusal))
            assert (await lenient.get(session, "/jobs/1")).document == job
        async with acme(says(400, {"error": "no such job"})) as service:
            lenient = attrs.evolve(service, failures=attrs.evolve(FAILURES, find=find_refusal))
            with pytest.raises(InvalidRequest, match="no such job"):
                await lenient.get(session, "/jobs/1")

    async def test_wish_to_wait_is_heard(self, session: aiohttp.ClientSession) -> None:
        """The service's own wish comes before the table's."""
        body = {"error": {"code": "slow_down", "message": "Slow down."}}
        async with acme(says(429, body, Retry_After="3")) as service:
            with pytest.raises(RateLimited) as caught:
                await service.post(session, "/images", {})
        assert (caught.value.retry_after_s, caught.value.scope) == (3.0, "model")
        async with acme(says(429, body)) as service:
            with pytest.raises(RateLimited) as caught:
                await service.post(session, "/images", {})
        assert caught.value.retry_after_s == 7.0

    async def test_message_holds_no_key_no_prompt_and_no_address(self, session: aiohttp.ClientSession) -> None:
        """What a service quotes of the request is not for logs."""
        message = f"Key {KEY} may not draw '{PROMPT}' from https://a.example/x.png?sig=abc"
        async with acme(says(400, {"error": {"message": message}, "request_id": "r-9"})) as service:
            with pytest.raises(InvalidRequest) as caught:
                await service.post(session, "/images", {"prompt": PROMPT}, prompt=PROMPT)
        assert not any(secret in caught.value.message for secret in (KEY, "fox", "newspaper", "a.example"))
        assert caught.value.request_id == "r-9"

    async def test_question_that_fails_costs_nothing(self, session: aiohttp.ClientSession) -> None:
        """A poll that meets a gateway's error leaves nothing unknown."""
        async with acme(says(502, "<html>")) as service:
            with pytest.raises(Unavailable):
                await service.get(session, "/tasks/1")
            with pytest.raises(Unavailable):
                await service.post(session, "/tasks", {"id": 1}, paid=False)


class TestConnections:
    """Before the request left nothing was bought; afterwards nobody knows."""

    async def test_nobody_there(self, session: aiohttp.ClientSession) -> None:
        """A service that was never reached billed nothing."""
        async with acme(cut) as service:
            gone = attrs.evolve(service)
        with pytest.raises(Unavailable) as caught:
            await gone.post(session, "/images", {})
        assert caught.value.code == "not_reached"
        assert isinstance(caught.value.message, Text)
        assert "安科" in caught.value.message.zh

    async def test_cut_after_the_request_left(self, session: aiohttp.ClientSession) -> None:
        """It may have run."""
        async with acme(cut) as service:
            with pytest.raises(OutcomeUnknown) as caught:
                await service.post(session, "/images", {})
            assert caught.value.code == "connection_lost"
            with pytest.raises(Unavailable):
                await service.get(session, "/tasks/1")

    async def test_no_answer_in_time(self, session: aiohttp.ClientSession) -> None:
        """So may one that is never answered."""

        async def silent(request: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            return web.Response()

        async with acme(silent, timeout_s=0.2) as service:
            with pytest.raises(OutcomeUnknown) as caught:
                await service.post(session, "/images", {})
        assert caught.value.code == "timeout"

    async def test_a_question_is_not_waited_for_as_long_as_a_purchase(self, session: aiohttp.ClientSession) -> None:
        """It costs nothing and is asked again: one that hangs must not use up the time of what is paid for."""
        asked = 0

        async def silent_once(request: web.Request) -> web.StreamResponse:
            nonlocal asked
            asked += 1
            if asked == 1:
                await asyncio.Event().wait()
            return web.json_response({"status": "done"})

        async with acme(silent_once, timeout_s=600.0, question_timeout_s=0.2) as service:
            async with asyncio.timeout(30):
                with pytest.raises(Unavailable) as caught:
                    await service.get(session, "/tasks/1")
                assert caught.value.code == "timeout"
                assert (await service.post(session, "/tasks", {}, paid=False)).document == {"status": "done"}

    @pytest.mark.parametrize("body", ["<html>hello</html>", '{"data": [', "[1, 2]"])
    async def test_unreadable_answer(self, session: aiohttp.ClientSession, body: str) -> None:
        """A 200 that tells nothing leaves the outcome open."""
        async with acme(says(200, body)) as service:
            with pytest.raises(OutcomeUnknown) as caught:
                await service.post(session, "/images", {})
        assert caught.value.code == "unreadable_answer"

    async def test_too_large_an_answer(self, session: aiohttp.ClientSession) -> None:
        """No answer fills the memory."""
        async with acme(says(200, {"data": "x" * 10_000}), most_bytes=5_000) as service:
            with pytest.raises(OutcomeUnknown) as caught:
                await service.post(session, "/images", {})
        assert caught.value.code == "answer_too_large"

    async def test_empty_answer_to_a_deletion(self, session: aiohttp.ClientSession) -> None:
        """There is nothing to say."""
        async with acme(says(200, "")) as service:
            assert (await service.delete(session, "/tasks/1")).document == {}
            with pytest.raises(OutcomeUnknown):
                await service.post(session, "/images", {})


class TestStreams:
    """Events, as they come."""

    async def test_events_before_a_cut_are_kept(self, session: aiohttp.ClientSession) -> None:
        """What is whole counts; then the cut is told."""

        async def handle(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for number in range(2):
                await response.write(f"event: partial\ndata: {json.dumps({'number': number})}\n\n".encode())
            await response.write(b'event: partial\ndata: {"num')
            assert request.transport is not None
            request.transport.close()
            return response

        told: list[int] = []

        async def listen(service: Service) -> None:
            async with service.open(session, "POST", "/images", body={"stream": True}) as reply:
                async for event in reply.events():
                    told.append(json.loads(event.data)["number"])

        async with acme(handle) as service:
            with pytest.raises(OutcomeUnknown):
                await listen(service)
        assert told == [0, 1]

    async def test_body_of_another_kind(self, session: aiohttp.ClientSession) -> None:
        """Some services answer with the picture itself."""
        async with acme(says(200, "not really a picture")) as service, service.open(session, "GET", "/x") as reply:
            assert await reply.body() == b"not really a picture"
