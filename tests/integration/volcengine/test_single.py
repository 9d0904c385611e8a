"""One picture by one call, and everything that can go wrong with it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    OutcomeUnknown,
    PluginError,
    RateLimited,
    Reference,
    Unavailable,
)
from tests.integration.volcengine.scripted import (
    KEY,
    answer,
    events,
    pictures,
    reply,
    reset,
    serve,
    stream,
)
from tests.unit.volcengine.builders import context

Connect = Callable[..., Any]
INTERNAL = {"error": {"code": "InternalServiceError", "message": "The service failed. Request id: 02"}}
MODERATED = {"error": {"code": "OutputImageSensitiveContentDetected", "message": "Refused."}}


class TestSuccess:
    """The plain way."""

    async def test_delivers_the_link_within_the_call(self, connect: Connect) -> None:
        """The picture, the request's id and the usage are recorded while the call is open."""
        async with serve(answer(*pictures(1))) as ark:
            run = connect(ark).begin()
            await connect(ark).carry_out(run)
        assert run.pictures[0].url == "https://pictures.example/0.jpeg"
        assert run.delivered_outside_calls == []
        (call,) = run.calls
        assert (call.indexes, call.outcome, call.request_id) == ((0,), "answered", "0217-request")
        assert call.usage == {"generated_images": 1, "output_tokens": 16384, "total_tokens": 16384}

    async def test_sends_key_ids_and_parameters(self, connect: Connect) -> None:
        """Ark gets the bearer, our id of the call, and what was asked for."""
        async with serve(answer(*pictures(1))) as ark:
            client = connect(ark)
            await client.carry_out(client.begin(size="2K", watermark=False, style="anime"))
        assert ark.headers[0]["Authorization"] == f"Bearer {KEY}"
        assert ark.headers[0]["X-Client-Request-Id"] == "call-0"
        assert ark.bodies == [
            {
                "model": "doubao-seedream-4-0-250828",
                "prompt": "a red fox, anime style",
                "response_format": "url",
                "size": "2K",
                "watermark": False,
            }
        ]

    async def test_takes_base64(self, connect: Connect) -> None:
        """b64_json comes as it is, for the server to decode."""
        async with serve(answer({"b64_json": "aGVsbG8=", "size": "1x1"})) as ark:
            client = connect(ark)
            run = client.begin(response_format="b64_json")
            await client.carry_out(run)
        assert run.pictures[0].base64 == "aGVsbG8="
        assert ark.bodies[0]["response_format"] == "b64_json"

    async def test_references_go_as_links_or_as_data(self, connect: Connect) -> None:
        """A stranger's URL is passed on; our own picture is sent along, its format in lower case."""
        url = Reference(field="image[0]", url="https://example.com/a.png")
        own = Reference(field="image[1]", asset="own")
        async with serve(answer(*pictures(1))) as ark:
            client = connect(ark)
            await client.carry_out(client.begin(references=(url, own)))
            await client.carry_out(client.begin(references=(url,)))
        assert ark.bodies[0]["image"] == ["https://example.com/a.png", "data:image/png;base64,Ynl0ZXM="]
        assert ark.bodies[1]["image"] == "https://example.com/a.png"

    async def test_single_picture_may_be_streamed(self, connect: Connect) -> None:
        """A stream of one, with or without its last event, with or without [DONE]."""
        chosen = [events(*pictures(1)), events(*pictures(1), completed=False), events(*pictures(1), done=True)]
        for text in chosen:
            async with serve(stream(text)) as ark:
                client = connect(ark)
                run = client.begin(stream=True)
                await client.carry_out(run)
            assert run.pictures[0].url == "https://pictures.example/0.jpeg"
            assert run.outcomes == ["answered"]

    async def test_nothing_missing_is_no_call(self, connect: Connect) -> None:
        """A picture that is delivered is never asked for again."""
        async with serve(answer(*pictures(1))) as ark:
            client = connect(ark)
            run = client.begin()
            await client.carry_out(run)
            await client.carry_out(run)
        assert len(ark.bodies) == 1

    async def test_layers_tell_where_they_lie(self, connect: Connect) -> None:
        """The pictures of a decomposition come with their places; what was not made is left out."""
        items = [{**item, "z_index": number, "name": f"layer {number}"} for number, item in enumerate(pictures(3))]
        async with serve(answer(*items)) as ark:
            client = connect(ark)
            reference = Reference(field="image", url="https://example.com/a.png")
            run = client.begin(
                model="doubao-seedream-5-0-pro-260628", layer_decomposition=True, references=(reference,)
            )
            result = await client.carry_out(run)
        assert set(run.pictures) == {0, 1, 2}
        assert run.omitted == set(range(3, 17))
        assert result.output["layers"]["2"] == {"z_index": 2, "name": "layer 2", "size": "2048x2048"}
        assert ark.bodies[0]["layer_decomposition"] is True

    @pytest.mark.parametrize(
        ("asked", "made", "cost_micro"),
        [
            ("auto", ["2048x2048", "1280x720"], 900_000),
            ("auto", ["2048x2048", "large"], None),
            ("2K", ["2048x2048", "2048x2048"], None),
        ],
        ids=["chosen by the model", "not told", "named"],
    )
    async def test_layers_cost_what_their_sizes_do(
        self, connect: Connect, asked: str, made: list[str], cost_micro: int | None
    ) -> None:
        """Where the model chose between two prices, its answer says which; else the estimate stands."""
        items = [{**item, "size": size} for item, size in zip(pictures(2), made, strict=True)]
        async with serve(answer(*items)) as ark:
            client = connect(ark)
            reference = Reference(field="image", url="https://example.com/a.png")
            run = client.begin(
                model="doubao-seedream-5-0-pro-260628",
                layer_decomposition=True,
                size=asked,
                references=(reference,),
            )
            await client.carry_out(run)
        assert run.calls[0].cost_micro == cost_micro


class TestRefusals:
    """Answers that say no."""

    @pytest.mark.parametrize(
        ("step", "kind"),
        [
            (reply(400, {"error": {"code": "InvalidParameter", "message": "No."}}), InvalidRequest),
            (reply(400, {"code": "InvalidParameter", "message": "No."}), InvalidRequest),
            (reply(400, MODERATED), ContentRejected),
            (reply(401, {"error": {"code": "AuthenticationError", "message": "No."}}), AccountProblem),
            (reply(403, "<html>forbidden</html>"), AccountProblem),
            (reply(404, "<html>not here</html>"), AccountProblem),
            (reply(404, {"error": {"code": "ModelNotOpen", "message": "No."}}), InvalidRequest),
            (reply(429, {"error": {"code": "RequestBurstTooFast", "message": "No."}}), RateLimited),
            (reply(429, "<html>slow down</html>"), RateLimited),
            (reply(500, INTERNAL), Unavailable),
            (reply(200, INTERNAL), Unavailable),
            (answer(INTERNAL), Unavailable),
            (answer(MODERATED), ContentRejected),
            (reply(200, {"code": "InternalServiceError", "message": "No."}), Unavailable),
            (reply(500, {"error": {"code": "Other", "message": "No."}}), OutcomeUnknown),
            (reply(500, "<html>oops</html>"), OutcomeUnknown),
            (reply(502, "<html>bad gateway</html>"), OutcomeUnknown),
            (reply(503, "<html>unavailable</html>"), OutcomeUnknown),
            (reply(504, "<html>timeout</html>"), OutcomeUnknown),
            (reply(302, "<html>moved</html>", Location="http://127.0.0.1:1/"), AccountProblem),
            (reply(200, "<html>welcome</html>"), OutcomeUnknown),
            (reply(200, {}), OutcomeUnknown),
            (reply(200, []), OutcomeUnknown),
            (reply(200, {"data": []}), OutcomeUnknown),
            (reply(200, {"data": "x"}), OutcomeUnknown),
            (reply(200, {"data": [5]}), OutcomeUnknown),
            (reply(200, {"data": [{}]}), OutcomeUnknown),
            (reply(200, {"data": [{"url": ""}]}), OutcomeUnknown),
            (stream(b""), OutcomeUnknown),
            (stream(b": ping\n\n"), OutcomeUnknown),
            (stream(b"data: [DONE]\n\n"), OutcomeUnknown),
            (stream(b"data: {broken\n\n"), OutcomeUnknown),
            (stream(b'event: error\ndata: {"error":{"code":"InternalServiceError"}}\n\n'), Unavailable),
            (stream(b'data: {"error":{"code":"AccountOverdueError"}}\n\n'), AccountProblem),
            (stream(events(MODERATED)), ContentRejected),
        ],
    )
    async def test_each_has_its_meaning(self, connect: Connect, step: Any, kind: type[PluginError]) -> None:
        """The error leaves the call, so that the call counts as what it was, and carries the request's id."""
        async with serve(step) as ark:
            client = connect(ark)
            run = client.begin()
            with pytest.raises(PluginError) as caught:
                await client.carry_out(run)
        assert type(caught.value) is kind
        assert run.outcomes == [kind.__name__]
        assert (caught.value.request_id or "").startswith("0217-") or run.calls[0].request_id == "0217-stream"
        assert run.pictures == {}

    async def test_message_holds_no_secret(self, connect: Connect) -> None:
        """Ark's words, without the prompt, the key and the address."""
        prompt = "the secret garden of my aunt"
        text = f"Cannot draw '{prompt}' for {KEY} from https://example.com/a?sign=1. Request id: 02abc"
        async with serve(reply(400, {"error": {"code": "InvalidParameter", "message": text}})) as ark:
            client = connect(ark)
            with pytest.raises(InvalidRequest) as caught:
                await client.carry_out(client.begin(prompt=prompt))
        assert caught.value.message == "Cannot draw '<prompt>' for <key> from <url>"
        assert caught.value.code == "InvalidParameter"

    async def test_rate_limit_carries_its_pause(self, connect: Connect) -> None:
        """`Retry-After` goes on; images per minute without one wait for the next minute."""
        limited = {"error": {"code": "ModelAccountIpmRateLimitExceeded", "message": "IPM"}}
        async with serve(reply(429, limited, Retry_After="9"), reply(429, limited)) as ark:
            client = connect(ark)
            with pytest.raises(RateLimited) as told:
                await client.carry_out(client.begin())
            with pytest.raises(RateLimited) as untold:
                await client.carry_out(client.begin())
        assert told.value.retry_after_s == 9.0
        assert untold.value.retry_after_s is not None
        assert 0 < untold.value.retry_after_s <= 60

    async def test_reference_ark_could_not_fetch_is_tried_twice(self, connect: Connect) -> None:
        """The first time it is worth another try, the second time it is the user's to mend."""
        error = {"error": {"code": "InvalidParameter", "message": "Timeout while downloading url=https://a/b"}}
        async with serve(reply(400, error)) as ark:
            client = connect(ark)
            run = client.begin(references=(Reference(field="image", url="https://a.example/b"),))
            with pytest.raises(Unavailable):
                await client.carry_out(run)
            run.job = attrs.evolve(run.job, attempt=2)
            with pytest.raises(InvalidRequest, match="Timeout while downloading"):
                await client.carry_out(run)


class TestBrokenConnections:
    """What is known, and what is not, when there is no answer."""

    async def test_nobody_listening_is_not_sent(self, connect: Connect) -> None:
        """A refused connection costs nothing."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            client = connect(f"http://127.0.0.1:{free.getsockname()[1]}")
            run = client.begin()
            with pytest.raises(Unavailable, match="could not be reached"):
                await client.carry_out(run)
        assert run.outcomes == ["Unavailable"]

    async def test_unknown_host_is_not_sent(self, connect: Connect) -> None:
        """A name that does not resolve costs nothing."""
        client = connect("http://nobody.invalid")
        with pytest.raises(Unavailable):
            await client.carry_out(client.begin())

    async def test_no_tls_is_not_sent(self, connect: Connect) -> None:
        """A handshake that fails comes before the request."""
        async with serve(answer(*pictures(1))) as ark:
            client = connect(ark.url.replace("http:", "https:"))
            with pytest.raises(Unavailable):
                await client.carry_out(client.begin())
        assert ark.bodies == []

    async def test_reset_after_the_request_is_unknown(self, connect: Connect) -> None:
        """The work may have been done and billed."""
        async with serve(reset()) as ark:
            client = connect(ark)
            run = client.begin()
            with pytest.raises(OutcomeUnknown):
                await client.carry_out(run)
        assert run.outcomes == ["OutcomeUnknown"]
        assert len(ark.bodies) == 1

    async def test_silence_is_unknown(self, connect: Connect) -> None:
        """A call that takes too long is given up, never repeated here."""
        never = asyncio.Event()
        async with serve(reset(before=never)) as ark:
            client = connect(ark, call_timeout_s=0.2)
            with pytest.raises(OutcomeUnknown, match="in time") as caught:
                await client.carry_out(client.begin())
            never.set()
        assert caught.value.code == "timeout"
        assert len(ark.bodies) == 1

    async def test_silence_within_an_answer_is_unknown(self, connect: Connect) -> None:
        """The time of a call includes its last byte."""
        never = asyncio.Event()
        async with serve(stream(b": ping\n\n", never)) as ark:
            client = connect(ark, call_timeout_s=0.3)
            run = client.begin(stream=True)
            with pytest.raises(OutcomeUnknown, match="in time"):
                await client.carry_out(run)
            never.set()
        assert run.calls[0].request_id == "0217-stream"

    async def test_answer_cut_short_is_unknown(self, connect: Connect) -> None:
        """Half an answer says nothing."""
        async with serve(stream(events(*pictures(1))[:40], cut=True)) as ark:
            client = connect(ark)
            with pytest.raises(OutcomeUnknown):
                await client.carry_out(client.begin())

    async def test_cancelling_leaves_the_call_open(self, connect: Connect) -> None:
        """A cancelled call is not said to be unbilled."""
        never = asyncio.Event()
        async with serve(reset(before=never)) as ark:
            client = connect(ark)
            run = client.begin()
            task = asyncio.create_task(client.carry_out(run))
            await ark.arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            never.set()
        assert run.outcomes == ["CancelledError"]

    async def test_no_key_and_no_sandbox_is_unavailable(self, connect: Connect) -> None:
        """A provider that is only listed makes nothing, and says why."""
        client = connect("http://127.0.0.1:1")
        run = client.begin()
        client.provider.configure(context())
        with pytest.raises(Unavailable, match="VOLCENGINE_API_KEY"):
            await client.carry_out(run)
        assert run.calls == []
