"""Orders are placed once, asked for until they are settled, and what fails is told truly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    FoundOrder,
    Job,
    LostCall,
    NeverPlaced,
    OutcomeUnknown,
    PluginError,
    RateLimited,
    Source,
    Unavailable,
)
from danqing_plugins.billing import Billed, CallOutcome
from danqing_plugins.kit.orders import AsyncOrders, Failed, Found, Made, Pace, Working
from danqing_plugins.recording import RecordingRun

QUICK = Pace(first_s=0.0, growth=1.0, longest_s=0.0, tolerated=3)
PICTURE = Source.from_url("https://pictures.example/1.png")


def job(outputs: int = 1, attempt: int = 1) -> Job:
    """Return a job of *outputs*."""
    return Job(
        task_id="acme_img_1",
        user_id="u",
        provider="acme",
        type="image",
        model="one",
        input={"prompt": "a fox"},
        outputs=outputs,
        attempt=attempt,
    )


@attrs.define(eq=False)
class Acme(AsyncOrders):
    """A service by script: what `submit` and `poll` answer, in turn; the last answer again and again."""

    looks: dict[str, list[Found | PluginError]] = attrs.field(factory=dict)
    refusals: list[PluginError | None] = attrs.field(factory=list)
    each: bool = False
    placed: list[tuple[int, ...]] = attrs.field(factory=list)
    asked: list[str] = attrs.field(factory=list)
    dropped: list[str] = attrs.field(factory=list)
    known: Mapping[str, Any] | NeverPlaced | None = None
    pace = QUICK

    def batches(self, job: Job, missing: Sequence[int]) -> Sequence[Sequence[int]]:
        return [[index] for index in missing] if self.each else super().batches(job, missing)

    async def submit(self, job: Job, run: Any, call: Any, indexes: Sequence[int]) -> Mapping[str, Any]:
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal is not None:
            raise refusal
        self.placed.append(tuple(indexes))
        return {"id": f"job-{len(self.placed)}"}

    async def poll(self, job: Job, run: Any, order: Mapping[str, Any]) -> Found:
        self.asked.append(order["id"])
        script = self.looks.get(order["id"], [Made(outputs=[PICTURE])])
        found = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(found, PluginError):
            raise found
        return found

    async def drop(self, job: Job, run: Any, order: Mapping[str, Any]) -> bool:
        self.dropped.append(order["id"])
        return True

    async def find(self, job: Job, run: Any, lost: LostCall) -> Mapping[str, Any] | NeverPlaced | None:
        return self.known


class TestPace:
    """How long between questions."""

    def test_grows_up_to_its_longest(self) -> None:
        """And never falls below its first, whatever came before."""
        pace, pauses = Pace(first_s=1.0, growth=2.0, longest_s=5.0), [0.0]
        for _ in range(5):
            pauses.append(pace.after(pauses[-1]))
        assert pauses == [0.0, 1.0, 2.0, 4.0, 5.0, 5.0]


class TestOneOrder:
    """From the order to its outputs."""

    async def test_is_saved_asked_for_and_delivered(self) -> None:
        """Progress is told on the way, and the service's usage with the call, where a later attempt finds it."""
        acme = Acme(looks={"job-1": [Working(fraction=0.5), Made(outputs=[PICTURE], usage={"images": 1})]})
        run = RecordingRun(job=job())
        assert await acme.carry_out(run.job, run) is None
        assert run.pictures == {0: PICTURE}
        assert run.saved == {"order_0": {"indexes": [0], "order": {"id": "job-1"}}}
        assert run.fractions == [0.5]
        assert run.calls[0].usage == {"images": 1}
        assert run.calls[0].resumable
        assert "fox" not in run.calls[0].fingerprint

    @pytest.mark.parametrize("billed", [Billed.YES, Billed.UNKNOWN])
    async def test_one_that_was_charged_among_others_is_not_told_as_free(self, billed: Billed) -> None:
        """All were refused, and one of them for money."""
        errors = [ContentRejected("before it was made"), ContentRejected("held back", billed=billed)]
        acme = Acme(looks={"job-1": [Made(outputs=errors)]})
        run = RecordingRun(job=job(2))
        with pytest.raises(ContentRejected) as refused:
            await acme.carry_out(run.job, run)
        assert refused.value.billed is billed
        assert run.calls[0].outcome is CallOutcome.UNKNOWN

    async def test_one_that_was_charged_beside_one_that_may_come_again_is_in_doubt(self) -> None:
        """What is tried again is asked for; that nothing was paid is not said."""
        errors = [Unavailable("broken"), ContentRejected("held back", billed=Billed.YES)]
        acme = Acme(looks={"job-1": [Made(outputs=errors)]})
        run = RecordingRun(job=job(2))
        with pytest.raises(Unavailable):
            await acme.carry_out(run.job, run)
        assert run.calls[0].outcome is CallOutcome.UNKNOWN

    async def test_next_attempt_goes_on_with_it(self) -> None:
        """What was ordered is never ordered again."""
        first = RecordingRun(job=job())
        acme = Acme(looks={"job-1": [Unavailable("away")]})
        with pytest.raises(Unavailable):
            await acme.carry_out(first.job, first)
        assert len(acme.asked) == 1 + QUICK.tolerated
        second = first.next_attempt()
        acme.looks["job-1"] = [Made(outputs=[PICTURE])]
        await acme.carry_out(second.job, second)
        assert second.pictures == {0: PICTURE}
        assert (second.calls, acme.placed) == ([], [(0,)])

    @pytest.mark.parametrize("trouble", [Unavailable("x"), RateLimited("x"), RateLimited("x", retry_after_s=0.0)])
    async def test_failed_questions_are_asked_again(self, trouble: PluginError) -> None:
        """A question that fails says nothing of the order, and one that succeeds forgives those before."""
        script = [*[trouble] * 3, Working(), *[trouble] * 3, Made(outputs=[PICTURE])]
        run = RecordingRun(job=job())
        await Acme(looks={"job-1": script}).carry_out(run.job, run)
        assert run.pictures == {0: PICTURE}

    async def test_refused_key_leaves_the_order_open(self) -> None:
        """An operator mends the key, and the order is asked for again."""
        run = RecordingRun(job=job())
        with pytest.raises(AccountProblem):
            await Acme(looks={"job-1": [AccountProblem("no")]}).carry_out(run.job, run)
        assert run.calls[0].outcome is CallOutcome.OPEN
        assert run.saved

    async def test_refusal_that_need_not_be_the_keys_is_asked_again(self) -> None:
        """An edge's bare 403: the order is paid for, and goes on behind it."""
        run = RecordingRun(job=job())
        edge = AccountProblem("403", certain=False)
        await Acme(looks={"job-1": [edge, edge, Made(outputs=[PICTURE])]}).carry_out(run.job, run)
        assert set(run.pictures) == {0}
        assert len(run.calls) == 1

    async def test_refusal_that_does_not_end_leaves_the_order_open(self) -> None:
        """After as many questions as are tolerated in a row."""
        run = RecordingRun(job=job())
        edge = AccountProblem("403", certain=False)
        with pytest.raises(AccountProblem):
            await Acme(looks={"job-1": [edge] * 20}).carry_out(run.job, run)
        assert run.calls[0].outcome is CallOutcome.OPEN
        assert run.saved

    @pytest.mark.parametrize("raised", [True, False])
    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (ContentRejected("no"), CallOutcome.REJECTED),
            (OutcomeUnknown("gone"), CallOutcome.UNKNOWN),
            (PluginError("odd"), CallOutcome.UNKNOWN),
        ],
    )
    async def test_order_that_came_to_nothing_is_settled(
        self, error: PluginError, outcome: CallOutcome, raised: bool
    ) -> None:
        """By its error, which says whether it was billed; the next attempt may order anew."""
        run = RecordingRun(job=job())
        with pytest.raises(type(error)):
            await Acme(looks={"job-1": [error if raised else Failed(error)]}).carry_out(run.job, run)
        assert run.calls[0].outcome is outcome
        assert run.saved == {}

    async def test_unbilled_failure_is_ordered_anew_by_the_next_attempt(self) -> None:
        """`Failed` with `Unavailable`: the work failed and cost nothing."""
        acme = Acme(looks={"job-1": [Failed(Unavailable("worker died"))]})
        run = RecordingRun(job=job())
        with pytest.raises(Unavailable):
            await acme.carry_out(run.job, run)
        assert run.calls[0].outcome is CallOutcome.FAILED_UNBILLED
        second = run.next_attempt()
        await acme.carry_out(second.job, second)
        assert acme.placed == [(0,), (0,)]

    async def test_done_without_an_output_is_unknown(self) -> None:
        """It was paid for, perhaps."""
        run = RecordingRun(job=job())
        with pytest.raises(OutcomeUnknown):
            await Acme(looks={"job-1": [Made()]}).carry_out(run.job, run)

    async def test_answer_of_data(self) -> None:
        """A task without outputs is one order, too."""
        acme = Acme(looks={"job-1": [Made(output={"text": "hello"})]})
        run = RecordingRun(job=job(0))
        result = await acme.carry_out(run.job, run)
        assert result is not None
        assert result.output == {"text": "hello"}
        second = run.next_attempt()
        await acme.carry_out(second.job, second)
        assert acme.placed == [()]


class TestSeveral:
    """Several outputs, in one order or in several."""

    async def test_fewer_and_failed_outputs_of_one_order(self) -> None:
        """One failed, one never came: the rest is kept."""
        made = Made(outputs=[PICTURE, ContentRejected("no")])
        run = RecordingRun(job=job(3))
        await Acme(looks={"job-1": [made]}).carry_out(run.job, run)
        assert (set(run.pictures), set(run.rejected), run.omitted) == ({0}, {1}, {2})

    async def test_each_by_itself(self) -> None:
        """The trouble of one does not end the others, and a final one rejects its output alone."""
        acme = Acme(
            each=True, looks={"job-2": [Failed(ContentRejected("no"))], "job-3": [Failed(Unavailable("x"))]}
        )
        run = RecordingRun(job=job(4))
        with pytest.raises(Unavailable):
            await acme.carry_out(run.job, run)
        assert (set(run.pictures), set(run.rejected)) == ({0, 3}, {1})
        second = run.next_attempt()
        await acme.carry_out(second.job, second)
        assert second.missing == ()
        assert acme.placed[4:] == [(2,)]

    async def test_refused_order_stops_further_ones(self) -> None:
        """What was ordered before is seen through all the same."""
        acme = Acme(each=True, refusals=[None, RateLimited("slow down")])
        run = RecordingRun(job=job(3))
        with pytest.raises(RateLimited):
            await acme.carry_out(run.job, run)
        assert set(run.pictures) == {0}
        assert acme.placed == [(0,)]

    async def test_refused_for_good_is_one_outputs_matter(self) -> None:
        """The others are ordered."""
        acme = Acme(each=True, refusals=[ContentRejected("no")])
        run = RecordingRun(job=job(2))
        await acme.carry_out(run.job, run)
        assert (set(run.pictures), set(run.rejected)) == ({1}, {0})


class TestCost:
    async def test_what_the_service_says_it_cost_is_noted_on_its_order(self) -> None:
        """It says so when it is done, long after the call had ended."""
        acme = Acme(looks={"job-1": [Working(), Made(outputs=[PICTURE], cost_micro=312_500)]})
        run = RecordingRun(job=job())
        await acme.carry_out(run.job, run)
        assert [call.cost_micro for call in run.calls] == [312_500]


class TestLostAndDropped:
    """What the server asks beside."""

    LOST = LostCall(id="c", fingerprint="f", sent_at=datetime(2026, 1, 1, tzinfo=UTC), indexes=(1,))

    async def test_found_order_stands_beside_those_that_are_saved(self) -> None:
        """It is saved as `submit` would have."""
        run = RecordingRun(job=job(2))
        acme = Acme(each=True, known={"id": "job-9"})
        found = await acme.find_order(run.job, run, self.LOST)
        assert found == FoundOrder(saved={"order_1": {"indexes": [1], "order": {"id": "job-9"}}})
        run.saved = dict(found.saved)
        await acme.carry_out(run.job, run)
        assert set(run.pictures) == {0, 1}
        assert acme.placed == [(0,)]

    @pytest.mark.parametrize("known", [None, NeverPlaced()])
    async def test_unknown_and_never_placed_pass(self, known: NeverPlaced | None) -> None:
        """They are the server's to judge."""
        run = RecordingRun(job=job(2))
        assert await Acme(known=known).find_order(run.job, run, self.LOST) is known

    async def test_cancelling_drops_every_order(self) -> None:
        """With none saved nothing was dropped."""
        run = RecordingRun(job=job())
        acme = Acme()
        assert not await acme.cancel_order(run.job, run)
        run.saved = {"order_0": {"indexes": [0], "order": {"id": "job-1"}}, "other": 1}
        assert await acme.cancel_order(run.job, run)
        assert acme.dropped == ["job-1"]

    async def test_an_order_that_is_done_is_not_dropped(self) -> None:
        """Its picture is here, and paid for."""
        run = RecordingRun(job=job(2), pictures={0: PICTURE})
        run.saved = {f"order_{index}": {"indexes": [index], "order": {"id": f"job-{index}"}} for index in (0, 1)}
        acme = Acme(each=True)
        assert await acme.cancel_order(run.job, run)
        assert acme.dropped == ["job-1"]
