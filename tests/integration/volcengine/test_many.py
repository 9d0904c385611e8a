"""Several pictures: n independent calls, and groups of one call, streamed or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    OutcomeUnknown,
    PluginError,
    RateLimited,
    Source,
    Unavailable,
)
from tests.integration.volcengine.scripted import (
    Step,
    answer,
    events,
    pictures,
    reply,
    reset,
    serve,
    stream,
)

Connect = Callable[..., Any]
GROUP = {"sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": 4}}
INTERNAL = {"error": {"code": "InternalServiceError", "message": "The service failed."}}
MODERATED = {"error": {"code": "OutputImageSensitiveContentDetected", "message": "Refused."}}
UNCHECKED = {"error": {"code": "ContentSecurityDetectionError", "message": "Not checked."}}
V30 = "doubao-seedream-3-0-t2i-250415"


class TestIndependent:
    """n pictures by n calls."""

    async def test_each_has_its_own_call(self, connect: Connect) -> None:
        """Every picture is written down, paid and delivered by itself, a few at once."""
        together = asyncio.Barrier(4)

        async def step(request: web.Request) -> web.StreamResponse:
            async with asyncio.timeout(5):
                await together.wait()
            return await answer(*pictures(1))(request)

        async with serve(step) as ark:
            client = connect(ark)
            run = client.begin(n=8)
            await client.carry_out(run)
        assert set(run.pictures) == set(range(8))
        assert sorted(call.indexes for call in run.calls) == [(index,) for index in range(8)]
        assert run.outcomes == ["answered"] * 8
        assert ark.most_at_once == 4
        assert run.delivered_outside_calls == []

    async def test_seeds_differ_and_so_do_fingerprints(self, connect: Connect) -> None:
        """Equal pictures would be money for nothing."""
        async with serve(answer(*pictures(1))) as ark:
            client = connect(ark)
            run = client.begin(model=V30, n=3, seed=5)
            await client.carry_out(run)
        assert sorted(body["seed"] for body in ark.bodies) == [5, 6, 7]
        assert len({call.fingerprint for call in run.calls}) == 3

    async def test_only_the_missing_are_made(self, connect: Connect) -> None:
        """After a crash, what is delivered is not asked for again."""
        async with serve(answer(*pictures(1))) as ark:
            client = connect(ark)
            run = client.begin(n=3)
            await run.deliver(1, Source.from_url("https://pictures.example/earlier.jpeg"))
            await client.carry_out(run)
        assert sorted(call.indexes for call in run.calls) == [(0,), (2,)]
        assert len(ark.bodies) == 2

    async def test_one_refusal_leaves_the_others(self, connect: Connect) -> None:
        """A picture that moderation refuses is rejected; the task has the rest."""
        async with serve(reply(400, MODERATED), answer(*pictures(1))) as ark:
            client = connect(ark)
            run = client.begin(n=3)
            await client.carry_out(run)
        assert len(run.pictures) == 2
        (error,) = run.rejected.values()
        assert isinstance(error, ContentRejected)
        assert sorted(run.outcomes) == ["ContentRejected", "answered", "answered"]

    async def test_one_reset_leaves_the_others_and_is_told(self, connect: Connect) -> None:
        """An unknown outcome ends nobody else's call, and the picture stays missing."""
        async with serve(reset(), answer(*pictures(1))) as ark:
            client = connect(ark)
            run = client.begin(n=3)
            with pytest.raises(OutcomeUnknown):
                await client.carry_out(run)
        assert len(run.pictures) == 2
        assert len(run.missing) == 1
        assert len(ark.bodies) == 3

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (429, "ModelAccountIpmRateLimitExceeded", RateLimited),
            (401, "AuthenticationError", AccountProblem),
            (500, "InternalServiceError", Unavailable),
        ],
    )
    async def test_trouble_of_the_whole_lane_stops_further_calls(
        self, connect: Connect, status: int, code: str, kind: type[Exception]
    ) -> None:
        """What would fail alike is not sent; calls under way are let finish."""
        async with serve(reply(status, {"error": {"code": code, "message": "No."}})) as ark:
            client = connect(ark)
            run = client.begin(n=15)
            with pytest.raises(kind):
                await client.carry_out(run)
        assert len(ark.bodies) <= 4
        assert len(run.missing) == 15

    async def test_clear_trouble_is_told_before_unclear(self, connect: Connect) -> None:
        """The error that another attempt can mend decides, so that pictures never tried get their try."""
        runs = []

        async def limited(request: web.Request) -> web.StreamResponse:
            await runs[0].ended.wait()
            return await reply(429, {"error": {"code": "RequestBurstTooFast", "message": "No."}})(request)

        async with serve(reset(), limited) as ark:
            client = connect(ark)
            runs.append(run := client.begin(n=2))
            with pytest.raises(RateLimited):
                await client.carry_out(run)
        assert sorted(run.outcomes) == ["OutcomeUnknown", "RateLimited"]

    async def test_cancelling_ends_every_call(self, connect: Connect) -> None:
        """No call goes on behind the worker's back."""
        never = asyncio.Event()
        async with serve(reset(before=never)) as ark:
            client = connect(ark)
            run = client.begin(n=6)
            task = asyncio.create_task(client.carry_out(run))
            await ark.arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            never.set()
        assert set(run.outcomes) == {"CancelledError"}


def group(streamed: bool, *items: dict[str, Any]) -> Step:
    """Return the answer that holds *items*, in one piece or streamed."""
    return stream(events(*items)) if streamed else answer(*items)


@pytest.mark.parametrize("streamed", [True, False])
class TestGroups:
    """A group, alike whether it is streamed or not."""

    async def test_all_pictures_by_one_call(self, connect: Connect, streamed: bool) -> None:
        """One order, one call, as many pictures as asked for."""
        async with serve(group(streamed, *pictures(4))) as ark:
            client = connect(ark)
            run = client.begin(**GROUP, stream=streamed)
            await client.carry_out(run)
        assert [run.pictures[index].url for index in range(4)] == [item["url"] for item in pictures(4)]
        assert run.outcomes == ["answered"]
        assert run.calls[0].usage["generated_images"] == 4
        assert ark.bodies[0].get("stream", False) is streamed
        assert ark.bodies[0]["sequential_image_generation_options"] == {"max_images": 4}
        assert run.fractions == [0.25, 0.5, 0.75]

    async def test_fewer_pictures_are_no_error(self, connect: Connect, streamed: bool) -> None:
        """The model may make fewer than it was allowed."""
        async with serve(group(streamed, *pictures(2))) as ark:
            client = connect(ark)
            run = client.begin(**GROUP, stream=streamed)
            await client.carry_out(run)
        assert set(run.pictures) == {0, 1}
        assert run.omitted == {2, 3}

    async def test_refused_picture_leaves_the_others(self, connect: Connect, streamed: bool) -> None:
        """The pictures after a refused one are kept, which Ark's own client loses."""
        first, second, third = pictures(3)
        async with serve(group(streamed, first, MODERATED, second, third)) as ark:
            client = connect(ark)
            run = client.begin(**GROUP, stream=streamed)
            await client.carry_out(run)
        assert set(run.pictures) == {0, 2, 3}
        assert isinstance(run.rejected[1], ContentRejected)
        assert run.outcomes == ["answered"]

    async def test_internal_error_leaves_the_rest_for_another_attempt(
        self, connect: Connect, streamed: bool
    ) -> None:
        """What Ark did not attempt is missing, not omitted; the next attempt orders just that."""
        first, second, third = pictures(3)
        async with serve(group(streamed, first, INTERNAL), group(streamed, second, third)) as ark:
            client = connect(ark)
            run = client.begin(**GROUP, stream=streamed)
            with pytest.raises(Unavailable):
                await client.carry_out(run)
            assert run.missing == (1, 2, 3)
            assert run.calls[0].released == {1, 2, 3}
            await client.carry_out(run)
        assert run.outcomes == ["answered", "answered"]
        assert [run.pictures[index].url for index in (0, 1, 2)] == [item["url"] for item in (first, second, third)]
        assert run.omitted == {3}
        assert ark.bodies[1]["sequential_image_generation_options"] == {"max_images": 3}
        assert run.calls[1].indexes == (1, 2, 3)

    async def test_failed_moderation_does_not_stop_the_rest(self, connect: Connect, streamed: bool) -> None:
        """Only the picture that could not be checked is tried again."""
        first, second = pictures(2)
        async with serve(group(streamed, first, UNCHECKED, second)) as ark:
            client = connect(ark)
            run = client.begin(**GROUP, stream=streamed)
            with pytest.raises(Unavailable):
                await client.carry_out(run)
        assert run.missing == (1,)
        assert run.omitted == {3}

    async def test_refusal_nobody_knows_is_final_for_its_picture(self, connect: Connect, streamed: bool) -> None:
        """A new code inside an answer says no for that picture, not that its outcome is unknown."""
        novelty = {"error": {"code": "Novelty", "message": "No."}}
        async with serve(group(streamed, novelty, *pictures(1))) as ark:
            client = connect(ark)
            run = client.begin(**GROUP, stream=streamed)
            await client.carry_out(run)
        assert type(run.rejected[0]) is PluginError
        assert set(run.pictures) == {1}

    async def test_group_of_refusals_is_not_billed(self, connect: Connect, streamed: bool) -> None:
        """Nothing made, nothing paid: the call ends with the refusal."""
        async with serve(group(streamed, MODERATED, MODERATED)) as ark:
            client = connect(ark)
            run = client.begin(**GROUP, stream=streamed)
            with pytest.raises(ContentRejected):
                await client.carry_out(run)
        assert run.outcomes == ["ContentRejected"]
        assert set(run.rejected) == {0, 1}

    async def test_more_pictures_than_ordered_are_ignored(self, connect: Connect, streamed: bool) -> None:
        """There is no place for a fifth of four."""
        async with serve(group(streamed, *pictures(6))) as ark:
            client = connect(ark)
            run = client.begin(**GROUP, stream=streamed)
            await client.carry_out(run)
        assert set(run.pictures) == {0, 1, 2, 3}


class TestStreams:
    """What only a stream can do."""

    async def test_picture_is_delivered_when_it_comes(self, connect: Connect) -> None:
        """The first picture is safe while the second is still being made."""
        text = events(*pictures(2))
        middle = text.index(b"\n\n") + 2
        rest = asyncio.Event()
        async with serve(stream(text[:middle], rest, text[middle:])) as ark:
            client = connect(ark)
            run = client.begin(**GROUP)
            task = asyncio.create_task(client.carry_out(run))
            await run.kept.wait()
            assert set(run.pictures) == {0}
            rest.set()
            await task
        assert set(run.pictures) == {0, 1}

    async def test_cut_keeps_what_came(self, connect: Connect) -> None:
        """A broken stream leaves the rest unknown and loses no picture."""
        text = events(*pictures(2), completed=False)
        async with serve(stream(text, cut=True)) as ark:
            client = connect(ark)
            run = client.begin(**GROUP)
            with pytest.raises(OutcomeUnknown):
                await client.carry_out(run)
        assert set(run.pictures) == {0, 1}
        assert run.missing == (2, 3)
        assert run.outcomes == ["OutcomeUnknown"]

    async def test_half_an_event_at_the_end_is_unknown(self, connect: Connect) -> None:
        """A picture that was about to be told may have been billed."""
        text = events(*pictures(2), completed=False)
        async with serve(stream(text[:-20])) as ark:
            client = connect(ark)
            run = client.begin(**GROUP)
            with pytest.raises(OutcomeUnknown):
                await client.carry_out(run)
        assert set(run.pictures) == {0}
        assert run.missing == (1, 2, 3)

    async def test_clean_end_without_completed_is_an_end(self, connect: Connect) -> None:
        """Ark sometimes leaves its last event out: the usage is unknown, the pictures are not."""
        async with serve(stream(events(*pictures(2), completed=False))) as ark:
            client = connect(ark)
            run = client.begin(**GROUP)
            await client.carry_out(run)
        assert set(run.pictures) == {0, 1}
        assert run.omitted == {2, 3}
        assert run.calls[0].usage == {}

    async def test_error_event_ends_the_stream(self, connect: Connect) -> None:
        """After pictures came, the call is paid and the rest fails with the error's meaning."""
        error = b'event: error\ndata: {"error":{"code":"InternalServiceError","message":"No."}}\n\n'
        async with serve(stream(events(*pictures(1), completed=False) + error)) as ark:
            client = connect(ark)
            run = client.begin(**GROUP)
            with pytest.raises(Unavailable):
                await client.carry_out(run)
        assert set(run.pictures) == {0}
        assert run.missing == (1, 2, 3)
        assert run.outcomes == ["answered"]

    async def test_refusal_before_the_stream_is_plain(self, connect: Connect) -> None:
        """A stream that never began answers as JSON with its status."""
        async with serve(reply(400, MODERATED)) as ark:
            client = connect(ark)
            run = client.begin(**GROUP)
            with pytest.raises(ContentRejected):
                await client.carry_out(run)
        assert run.outcomes == ["ContentRejected"]

    async def test_events_nobody_knows_are_passed_over(self, connect: Connect) -> None:
        """Partial pictures, pings and repeats change nothing."""
        noise = b'event: image_generation.partial_image\ndata: {"b64_json":"eA==","image_index":0}\n\n: ping\n\n'
        text = events(*pictures(2), done=True)
        async with serve(stream(noise + text)) as ark:
            client = connect(ark)
            run = client.begin(**GROUP)
            await client.carry_out(run)
        assert [run.pictures[index].url for index in (0, 1)] == [item["url"] for item in pictures(2)]

    async def test_events_may_leave_name_and_index_out(self, connect: Connect) -> None:
        """The type in the data names the event; pictures are counted as they come."""
        kind = "image_generation.partial_succeeded"
        text = "".join(f"data: {json.dumps({'type': kind, **item})}\n\n" for item in pictures(2))
        async with serve(stream(text.encode())) as ark:
            client = connect(ark)
            run = client.begin(**GROUP)
            await client.carry_out(run)
        assert [run.pictures[index].url for index in (0, 1)] == [item["url"] for item in pictures(2)]

    async def test_index_says_which_picture_it_is(self, connect: Connect) -> None:
        """Events may come in another order than their pictures."""
        first, second = events(*pictures(2), completed=False).split(b"\n\n")[:2]
        async with serve(stream(second + b"\n\n" + first + b"\n\n")) as ark:
            client = connect(ark)
            run = client.begin(**GROUP)
            await client.carry_out(run)
        assert [run.pictures[index].url for index in (0, 1)] == [item["url"] for item in pictures(2)]

    async def test_indexes_beyond_the_order_are_passed_over(self, connect: Connect) -> None:
        """An index that was not ordered has no place, and breaks nothing."""
        kind = "image_generation.partial_succeeded"
        for index in (99, -1, True, "0"):
            data = {"type": kind, "image_index": index, "url": "https://pictures.example/odd.jpeg"}
            text = f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode() + events(*pictures(4))
            async with serve(stream(text)) as ark:
                client = connect(ark)
                run = client.begin(**GROUP)
                await client.carry_out(run)
            assert set(run.pictures) == {0, 1, 2, 3}
