"""Routes: a public model name with several targets, of which the first that works makes what others did not."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable

import attrs
import pytest

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    Job,
    Limits,
    OutcomeUnknown,
    PluginError,
    Prepared,
    Price,
    Problem,
    RateLimited,
    Request,
    Run,
    Source,
    TaskEvent,
    TaskEventKind,
    Unavailable,
    hookimpl,
)
from danqing_server.access.caller import Caller
from danqing_server.desk.request import Submission
from danqing_server.doors.costs import cost_view
from danqing_server.errors import InvalidSubmission
from danqing_server.life.billing import billed_of, books_at_targets
from danqing_server.life.onward import Onward
from danqing_server.life.rerouted import Rerouted
from danqing_server.queue.gates import Report
from danqing_server.queue.owed import OwedVoids
from danqing_server.records.tasks import CallOutcome, Status, Task
from danqing_server.settings.routes import Route, Target
from danqing_server.settings.server import Settings
from tests.support.providers import ScriptedProvider, deliver_all, picture
from tests.support.servers import RunningServer
from tests.support.system import MakeSettings, System, running_system, until

A, B = "scripted", "other"
PNG = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"

Routed = Callable[..., Settings]


@pytest.fixture
def routed(make_settings: MakeSettings) -> Routed:
    """Make settings with the route `poster` over both providers."""

    def make(*models: tuple[str, str], on_rejected: str = "fail", **variables: str) -> Settings:
        targets = tuple(
            Target(provider=provider, model=model) for provider, model in models or ((A, "one"), (B, "one"))
        )
        route = Route(model="poster", targets=targets, on_rejected=on_rejected)
        return attrs.evolve(make_settings(**variables), routes=(route,))

    return make


def raising(error: PluginError, *, first: int = 10**9) -> Callable[[Job, Run], Awaitable[None]]:
    """Return what fails the *first* calls with *error*, and makes pictures after them."""
    calls = 0

    async def generate(job: Job, run: Run) -> None:
        nonlocal calls
        calls += 1
        if calls > first:
            await deliver_all(job, run)
            return
        async with run.call(run.missing, "f"):
            raise error

    return generate


async def shut(system: System, lane: str, for_s: float = 60.0) -> None:
    """Hold a lane, as a person does."""
    await system.services.gates.hold(lane, for_s, "paused")


def tried(task: Task) -> list[tuple[str, str]]:
    """Return who was tried, and why it did not make it."""
    assert task.route is not None
    return [(each.provider, each.code) for each in task.route.tried]


class TestStart:
    async def test_the_first_target_that_is_open_starts(self, routed: Routed) -> None:
        """All is well: the first makes it, and the task says so."""
        providers = [ScriptedProvider(), ScriptedProvider(name=B)]
        async with running_system(routed(), providers) as system:
            done = await system.finished((await system.submit(model="poster")).id)
            assert (done.status, done.provider, done.model, tried(done)) == (Status.COMPLETED, A, "one", [])
            assert done.route is not None
            assert done.route.model == "poster"

    async def test_a_shut_lane_is_passed_over(self, routed: Routed) -> None:
        """What a person paused is not waited for while another is open."""
        providers = [ScriptedProvider(), ScriptedProvider(name=B)]
        async with running_system(routed(), providers) as system:
            await shut(system, A)
            done = await system.finished((await system.submit(model="poster")).id)
            assert (done.provider, tried(done)) == (B, [(A, "paused")])

    async def test_where_all_are_shut_it_waits_for_the_first_to_open(self, routed: Routed) -> None:
        providers = [ScriptedProvider(), ScriptedProvider(name=B)]
        async with running_system(routed(), providers) as system:
            await shut(system, A, 60)
            await shut(system, B, 4)
            made = await system.submit(model="poster")
            assert (made.provider, made.status) == (B, Status.PENDING)
            assert (await system.finished(made.id)).provider == B

    async def test_a_provider_that_is_named_is_asked_for_its_own_model(self, routed: Routed) -> None:
        """A route stands for its name only where no provider is named."""
        providers = [ScriptedProvider(), ScriptedProvider(name=B)]
        async with running_system(routed(), providers) as system:
            with pytest.raises(InvalidSubmission):
                await system.submit(model="poster", provider=A)
            assert (await system.submit(model="uno")).route is None


class TestQuote:
    async def test_a_quote_is_of_the_target_where_it_would_start(self, routed: Routed) -> None:
        """With what its dearest target may come to: that much of a limit is set aside."""
        asked = Submission(
            provider=None,
            type="image",
            model="poster",
            input={"prompt": "a cat"},
            user_id="u1",
            caller=Caller.local(),
            on_ambiguous="fail",
        )
        async with running_system(routed(), [ScriptedProvider(), Dear(name=B)], workers=False) as system:
            quote = await system.services.quotes.quote(asked)
            assert (quote.amount_micro, quote.most_micro) == (200_000, 500_000)
            await shut(system, A)

            async def is_of_the_other() -> bool:
                found = await system.services.quotes.quote(asked)
                return (found.amount_micro, found.most_micro) == (500_000, 500_000)

            await until(is_of_the_other)  # how a lane stands is up to two seconds old


@attrs.define(eq=False)
class Picky(ScriptedProvider):
    """Takes no prompt but its own."""

    wants: str = "art"

    def prepare(self, request: Request) -> Prepared:
        if request.input.get("prompt") != self.wants:
            raise InvalidRequest("no", problems=[Problem(field="prompt", message=f"must be {self.wants}")])
        return super().prepare(request)


class Unpriced(ScriptedProvider):
    """Names no price."""

    def prepare(self, request: Request) -> Prepared:
        return attrs.evolve(super().prepare(request), price=None)


class Dear(ScriptedProvider):
    """Costs half a yuan."""

    def prepare(self, request: Request) -> Prepared:
        return attrs.evolve(super().prepare(request), price=Price(amount_micro=500_000, currency="CNY"))


class Lame(ScriptedProvider):
    """Cannot be started, and is withdrawn."""

    async def start(self) -> None:
        raise RuntimeError("no")


class TestSuitable:
    async def test_a_target_that_refuses_the_input_is_left_out_with_a_note(self, routed: Routed) -> None:
        """It would refuse it later, too; the task says why it is not among them."""
        async with running_system(routed(), [Picky(), ScriptedProvider(name=B)]) as system:
            done = await system.finished((await system.submit(model="poster")).id)
            assert (done.provider, tried(done)) == (B, [(A, "not_suitable")])
            assert done.notes == ("scripted/one was left out: prompt: must be art",)

    async def test_where_all_refuse_the_first_ones_problems_are_told(self, routed: Routed) -> None:
        async with running_system(routed(), [Picky(), Picky(name=B, wants="life")]) as system:
            with pytest.raises(InvalidSubmission) as refused:
                await system.submit(model="poster")
            assert [(each.field, each.message) for each in refused.value.problems] == [("prompt", "must be art")]

    async def test_a_provider_that_is_not_there_is_left_out(self, routed: Routed) -> None:
        """A route over a provider that cannot start works on with the others."""
        settings = routed(("gone", "one"), (B, "one"))
        async with running_system(
            settings, [Lame(name="gone"), ScriptedProvider(), ScriptedProvider(name=B)]
        ) as system:
            done = await system.finished((await system.submit(model="poster")).id)
            assert (done.provider, tried(done)) == (B, [("gone", "not_suitable")])

    async def test_each_target_gets_the_references_that_it_takes(self, routed: Routed) -> None:
        """One knows `image`, the other `picture` and `image`; each finds its own, kept once."""
        first = ScriptedProvider(raising(Unavailable("down")), reference_fields=("image",))
        second = ScriptedProvider(name=B, reference_fields=("mask", "image"))
        async with running_system(routed(), [first, second]) as system:
            made = await system.submit(model="poster", image=PNG)
            done = await system.finished(made.id)
            assert (done.provider, len(done.references)) == (B, 1)
            assert [[each.field for each in job.references] for job in (first.jobs[0], second.jobs[0])] == [
                ["image"]
            ] * 2


class TestNext:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (Unavailable("down", code="ServerOverloaded"), "ServerOverloaded"),
            (RateLimited("slower", retry_after_s=30), "rate_limited"),
            (AccountProblem("overdue", code="AccountOverdue"), "AccountOverdue"),
        ],
    )
    async def test_what_failed_unbilled_goes_on_at_once(
        self, routed: Routed, error: PluginError, code: str
    ) -> None:
        """And is paid for at the target that makes it, in its currency."""
        providers = [ScriptedProvider(raising(error)), ScriptedProvider(name=B, currency="USD")]
        async with running_system(routed(), providers) as system:
            done = await system.finished((await system.submit(model="poster")).id, 5)
            assert (done.status, done.provider, tried(done)) == (Status.COMPLETED, B, [(A, code)])
            costs = [
                (target.price.currency, books.cost.certain)
                for target, books in books_at_targets(done)
                if target.price
            ]
            assert costs == [("CNY", 0), ("USD", 1)]
            assert [call.target for call in sorted(done.calls.values(), key=lambda call: call.sent_at)] == [0, 1]

    async def test_what_is_delivered_stays(self, routed: Routed) -> None:
        """The next target makes what is missing, and no more."""

        async def half(_job: Job, run: Run) -> None:
            async with run.call([0], "f"):
                await run.deliver(0, Source.from_bytes(picture()))
            async with run.call([1], "f"):
                raise Unavailable("down")

        second = ScriptedProvider(name=B)
        async with running_system(routed(), [ScriptedProvider(half), second]) as system:
            done = await system.finished((await system.submit(model="poster", n=2)).id)
            assert (done.status, len(done.kept), done.provider) == (Status.COMPLETED, 2, B)
            delivered = [call for call in done.calls.values() if call.outcome is CallOutcome.DELIVERED]
            assert sorted((call.target, call.indexes) for call in delivered) == [(0, (0,)), (1, (1,))]

    async def test_what_was_paid_is_told_where_the_next_names_no_price(self, routed: Routed) -> None:
        """The task says what the first was paid, though the one that has it now is not known to cost anything."""

        async def half(_job: Job, run: Run) -> None:
            async with run.call([0], "f"):
                await run.deliver(0, Source.from_bytes(picture()))
            async with run.call([1], "f"):
                raise Unavailable("down")

        async with running_system(routed(), [ScriptedProvider(half), Unpriced(name=B)]) as system:
            done = await system.finished((await system.submit(model="poster", n=2)).id)
            assert (done.status, done.provider, done.price) == (Status.COMPLETED, B, None)
            cost = cost_view(done, billed_of(done))
            assert cost == {"amount": "0.20", "currency": "CNY", "images": 1, "estimated": False}

    @pytest.mark.parametrize(("policy", "provider", "status"), [("retry", B, "completed"), ("fail", A, "failed")])
    async def test_after_an_ambiguous_call_the_policy_decides(
        self, routed: Routed, policy: str, provider: str, status: str
    ) -> None:
        """One purchase more where it allows that, at whatever target; none where it does not."""
        providers = [ScriptedProvider(raising(OutcomeUnknown("cut"))), ScriptedProvider(name=B)]
        async with running_system(routed(), providers) as system:
            done = await system.finished((await system.submit(model="poster", on_ambiguous=policy)).id)
            assert (done.status, done.provider, len(done.calls)) == (status, provider, 1 + (policy == "retry"))

    async def test_an_ambiguous_call_at_each_target_ends_it(self, routed: Routed) -> None:
        """The second cut is the last: no target is paid a third time, however many there are."""
        cut = OutcomeUnknown("cut")
        providers = [
            ScriptedProvider(raising(cut)),
            ScriptedProvider(raising(cut), name=B),
            ScriptedProvider(name="third"),
        ]
        settings = routed((A, "one"), (B, "one"), ("third", "one"))
        async with running_system(settings, providers) as system:
            done = await system.finished((await system.submit(model="poster")).id)
            assert done.error is not None
            assert (done.status, done.error.code, len(done.calls)) == (Status.FAILED, "outcome_unknown", 2)

    @pytest.mark.parametrize(("on_rejected", "status"), [("fail", "failed"), ("next", "completed")])
    async def test_moderation_is_final_unless_the_route_says_otherwise(
        self, routed: Routed, on_rejected: str, status: str
    ) -> None:
        providers = [ScriptedProvider(raising(ContentRejected("no"))), ScriptedProvider(name=B)]
        async with running_system(routed(on_rejected=on_rejected), providers) as system:
            done = await system.finished((await system.submit(model="poster")).id)
            assert done.status == status

    async def test_a_redis_that_is_away_makes_moderation_no_more_final(
        self, routed: Routed, own_redis: RunningServer
    ) -> None:
        """Nobody can say how the lanes stand when it is refused; it failed, though the next target takes it."""
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def refuse(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                begun.set()
                await go_on.wait()
                raise ContentRejected("no")

        settings = attrs.evolve(routed(on_rejected="next"), redis_url=own_redis.url)
        async with running_system(settings, [ScriptedProvider(refuse), ScriptedProvider(name=B)]) as system:
            task = await system.submit(model="poster")
            await begun.wait()
            own_redis.pause()
            go_on.set()

            async def has_left() -> bool:
                return (await system.get(task.id)).status is not Status.PROCESSING

            await until(has_left)
            own_redis.resume()
            done = await system.finished(task.id, timeout_s=60)
            assert (done.status, done.provider, tried(done)) == (Status.COMPLETED, B, [(A, "content_rejected")])

    async def test_a_single_picture_that_is_refused_is_asked_of_the_next(self, routed: Routed) -> None:
        """The others stay."""

        async def reject_one(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                await run.deliver(0, Source.from_bytes(picture()))
                await run.reject(1, ContentRejected("no"))

        second = ScriptedProvider(name=B)
        async with running_system(routed(on_rejected="next"), [ScriptedProvider(reject_one), second]) as system:
            done = await system.finished((await system.submit(model="poster", n=2)).id)
            assert (done.status, len(done.kept), tried(done)) == (Status.COMPLETED, 2, [(A, "content_rejected")])
            assert sorted((call.target, call.indexes) for call in done.calls.values()) == [(0, (0,)), (1, (1,))]

    async def test_where_moderation_refuses_everywhere_it_fails(self, routed: Routed) -> None:
        no = raising(ContentRejected("no"))
        providers = [ScriptedProvider(no), ScriptedProvider(raising(ContentRejected("no")), name=B)]
        async with running_system(routed(on_rejected="next"), providers) as system:
            done = await system.finished((await system.submit(model="poster")).id)
            assert done.error is not None
            assert (done.status, done.error.code, len(done.calls)) == (Status.FAILED, "content_rejected", 2)

    async def test_after_the_last_target_it_pauses_and_begins_anew(self, routed: Routed) -> None:
        """Both are down for a moment: a round, a pause, a round."""
        down = Unavailable("down")
        providers = [ScriptedProvider(raising(down, first=1)), ScriptedProvider(raising(down), name=B)]
        async with running_system(routed(), providers) as system:
            done = await system.finished((await system.submit(model="poster")).id)
            assert (done.status, done.provider, done.failures) == (Status.COMPLETED, A, 1)
            assert [provider for provider, _ in tried(done)] == [A, B]

    async def test_rounds_are_attempts(self, routed: Routed) -> None:
        """Where nobody can make it the task ends after as many rounds as attempts are allowed."""
        providers = [
            ScriptedProvider(raising(Unavailable("down"))),
            ScriptedProvider(raising(Unavailable("down")), name=B),
        ]
        async with running_system(routed(DANQING_MAX_ATTEMPTS="2"), providers) as system:
            done = await system.finished((await system.submit(model="poster")).id)
            assert (done.status, len(done.calls)) == (Status.FAILED, 4)

    async def test_an_order_under_way_stays_with_its_target(self, routed: Routed) -> None:
        """It was placed there: whoever else were asked would be paid for the same picture."""

        async def order(_job: Job, run: Run) -> None:
            if not run.saved:
                async with run.call([0], "f"):
                    await run.checkpoint({"order": "o1"})
            if len(first.jobs) < 3:
                raise Unavailable("polling failed")
            await run.deliver(0, Source.from_bytes(picture()))

        first, second = ScriptedProvider(order), ScriptedProvider(name=B)
        async with running_system(routed(), [first, second]) as system:
            done = await system.finished((await system.submit(model="poster")).id)
            assert (done.status, done.provider, len(done.calls), second.jobs) == (Status.COMPLETED, A, 1, [])

    async def test_what_one_provider_saved_is_no_others(self, routed: Routed) -> None:
        """A checkpoint is read by who wrote it."""

        async def fail(_job: Job, run: Run) -> None:
            await run.checkpoint({"upload": "u1"})
            async with run.call([0], "f"):
                raise Unavailable("down")

        async def look(job: Job, run: Run) -> None:
            seen.append(dict(run.saved))
            await deliver_all(job, run)

        seen: list[dict[str, object]] = []
        async with running_system(routed(), [ScriptedProvider(fail), ScriptedProvider(look, name=B)]) as system:
            await system.finished((await system.submit(model="poster")).id)
            assert seen == [{}]

    async def test_a_spend_limit_is_no_end(self, routed: Routed) -> None:
        """What one provider may not be paid any more today, another is."""
        settings = routed(DANQING_DAILY_SPEND_LIMITS=f"{A}:0.20")
        async with running_system(settings, [ScriptedProvider(), ScriptedProvider(name=B)]) as system:
            for provider in (A, B, B):
                done = await system.finished((await system.submit(model="poster")).id)
                assert done.provider == provider

    async def test_what_no_day_of_any_target_has_room_for_fails(self, routed: Routed) -> None:
        """It waited for ever, from one target to the other; what one of them has room for is made there."""
        settings = routed(DANQING_DAILY_SPEND_LIMITS=f"{A}:0.30,{B}:0.50")
        async with running_system(settings, [ScriptedProvider(), ScriptedProvider(name=B)]) as system:
            dear = await system.finished((await system.submit(model="poster", n=3)).id)
            assert dear.error is not None
            assert (dear.status, dear.error.provider_code, len(dear.calls)) == (
                Status.FAILED,
                "dearer_than_a_day",
                0,
            )
            done = await system.finished((await system.submit(model="poster", n=2)).id)
            assert (done.status, done.provider) == (Status.COMPLETED, B)


class TestWaiting:
    async def test_where_no_target_is_open_nobody_is_read(self, routed: Routed) -> None:
        """Ten thousand tasks that wait for the same outage were read once a second, all night."""
        providers = [ScriptedProvider(), ScriptedProvider(name=B)]
        async with running_system(routed(), providers) as system:
            assert system.workers is not None
            await shut(system, A)
            await shut(system, B)
            for _ in range(5):
                await system.submit(model="poster")
            database = system.services.store.database
            await database.command("profile", 2)
            await system.workers.diverter.divert()
            await database.command("profile", 0)
            asked = {"op": "query", "ns": f"{database.name}.danqing_tasks"}
            seen = await database["system.profile"].find(asked).to_list(None)
            assert not [each for each in seen if "route.model" in each["command"]["filter"]]

    async def test_who_waits_for_a_lane_that_shuts_goes_on_within_seconds(self, routed: Routed) -> None:
        """None waits for a provider that is down while another is up."""
        hold = asyncio.Event()

        async def wait(job: Job, run: Run) -> None:
            await hold.wait()
            await deliver_all(job, run)

        first, second = ScriptedProvider(wait, concurrency=1), ScriptedProvider(name=B)
        async with running_system(routed(), [first, second]) as system:
            running = await system.submit(model="poster")
            await until(lambda: first.jobs)
            waiting = [await system.submit(model="poster") for _ in range(5)]
            assert {task.provider for task in waiting} == {A}
            await shut(system, A)
            for task in waiting:
                done = await system.finished(task.id, 5)
                assert (done.provider, tried(done)) == (B, [(A, "paused")])
            hold.set()
            assert (await system.finished(running.id)).provider == A

            async def empty() -> bool:
                depth = await system.services.queue.depth(A)
                return (depth.queued, depth.held) == (0, 0)

            await until(empty)

    async def test_a_short_hold_is_waited_for(self, routed: Routed) -> None:
        """A service that asks one task to wait for two seconds is not left by all."""
        async with running_system(routed(), [ScriptedProvider(), ScriptedProvider(name=B)]) as system:
            await shut(system, A, 2)
            assert (await system.finished((await system.submit(model="poster")).id)).provider == A

    async def test_one_task_tries_whether_a_service_is_back(self, routed: Routed) -> None:
        """All the others go by; when it is, the next start there again."""
        async with running_system(routed(), [ScriptedProvider(), ScriptedProvider(name=B)]) as system:
            gates = system.services.gates
            await gates.report(A, Report.ACCOUNT, "overdue", "t")
            assert (await system.finished((await system.submit(model="poster")).id)).provider == B
            await gates.connection.run("redis.call('HSET', KEYS[1] .. ':gate', 'until', 1) return 1", A, [])
            system.services.forecast._seen.clear()
            made = [await system.submit(model="poster") for _ in range(3)]
            assert [task.provider for task in made] == [A, B, B]
            await system.finished(made[0].id)
            assert (await gates.look(A)).state == "closed"

    async def test_a_death_between_the_store_and_the_queue_is_healed(self, routed: Routed) -> None:
        """MongoDB says that it goes on, Redis still has it in the old lane: the sweep puts it into the new one."""
        settings = routed()
        async with running_system(
            settings, [ScriptedProvider(), ScriptedProvider(name=B)], workers=False
        ) as system:
            task = await system.submit(model="poster")
            assert task.route is not None
            onward = Onward(route=attrs.evolve(task.route.noting("paused", task.created_at), target=1))
            move = Rerouted(task=task, at=task.created_at, onward=onward)
            assert await system.services.store.apply(move.change())
            await shut(system, A)
            assert await system.services.queue.remove(B, task.id) is False
        async with running_system(settings, [ScriptedProvider(), ScriptedProvider(name=B)]) as system:
            done = await system.finished(task.id)
            assert (done.status, done.provider, tried(done)) == (Status.COMPLETED, B, [(A, "paused")])

    async def test_who_still_stands_in_the_old_lane_runs_once_at_the_new_target(self, routed: Routed) -> None:
        """A worker of the old lane may have reserved it already: what the task says goes, and nothing is left."""
        first, second = ScriptedProvider(), ScriptedProvider(name=B)
        async with running_system(routed(), [first, second], workers=False) as door:
            task = await door.submit(model="poster")
            assert task.route is not None
            onward = Onward(route=attrs.evolve(task.route, target=1))
            assert await door.services.store.apply(Rerouted(task=task, at=task.created_at, onward=onward).change())
            await shut(door, B)
            async with running_system(routed(), [first, second]) as system:
                done = await system.finished(task.id)
                assert (done.provider, len(done.calls), first.jobs) == (B, 1, [])
                assert (await system.services.queue.depth(A)).held == 0

    async def test_a_scheduled_task_keeps_its_time(self, routed: Routed) -> None:
        async with running_system(routed(), [ScriptedProvider(), ScriptedProvider(name=B)]) as system:
            task = await system.submit(model="poster", delay_s=3)
            await shut(system, A)
            done = await system.finished(task.id)
            assert done.provider == B
            assert done.started_at is not None
            assert task.run_at is not None
            assert done.started_at >= task.run_at

    async def test_lanes_of_models_are_left_one_by_one(self, routed: Routed) -> None:
        """One provider's model has limits of its own; while they hold it, its other model goes on."""
        first = ScriptedProvider(lanes={"slow": Limits(concurrency=1)})
        async with running_system(routed((A, "slow"), (A, "one")), [first]) as system:
            await shut(system, "scripted:slow")
            done = await system.finished((await system.submit(model="poster")).id)
            assert (done.provider, done.model, done.lane) == (A, "one", A)


@attrs.define(eq=False)
class Listening(ScriptedProvider):
    """Also hears of every change."""

    heard: list[TaskEvent] = attrs.field(factory=list)

    @hookimpl
    async def danqing_task_event(self, event: TaskEvent) -> None:
        self.heard.append(event)


class TestTold:
    async def test_listeners_hear_of_it(self, routed: Routed) -> None:
        """As of any try more: with what went wrong."""
        listening = Listening(name=B)
        async with running_system(routed(), [ScriptedProvider(raising(Unavailable("down"))), listening]) as system:
            await system.finished((await system.submit(model="poster")).id)
            await until(lambda: len(listening.heard) == 5)
            told = [(event.kind, event.provider, event.error_code) for event in listening.heard]
            assert told == [
                (TaskEventKind.CREATED, A, None),
                (TaskEventKind.STARTED, A, None),
                (TaskEventKind.RETRYING, A, "provider_unavailable"),
                (TaskEventKind.STARTED, B, None),
                (TaskEventKind.COMPLETED, B, None),
            ]


class TestOwedVoids:
    async def test_what_is_not_to_run_is_not_led_on(self, routed: Routed) -> None:
        """Its client was told 503, by a process that died: whoever leads it to an open lane must not let it run."""
        providers = [ScriptedProvider(), ScriptedProvider(name=B)]
        async with running_system(routed(), providers, workers=False) as api:
            task = await api.submit(model="poster")
            await OwedVoids(api.services.queue.connection).note([(task.id, task.transition_id)])
            await shut(api, A)
        async with running_system(routed(), providers) as system:
            done = await system.finished(task.id)
            assert (done.status, done.attempts, [len(each.jobs) for each in providers]) == (
                Status.CANCELLED,
                0,
                [0, 0],
            )
