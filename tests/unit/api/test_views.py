from __future__ import annotations

import re
from datetime import timedelta

from danqing_plugins import Price
from danqing_server.codec.bodies import dump_json
from danqing_server.doors.costs import price_text
from danqing_server.doors.views import Viewer
from danqing_server.plugins.registry import Registry
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import Billed, CallOutcome, Status
from tests.unit.api.tasks import NOW, failed_picture, kept_picture, make_task, paid_call, reference, routed_task


def _viewer() -> Viewer:
    return Viewer("http://here", Registry((), {}, None), "en")  # type: ignore[arg-type]


class TestTaskView:
    def test_nothing_secret_is_shown(self) -> None:
        """No upstream URL, no fingerprint."""
        shown = dump_json(_viewer().task(make_task(status=Status.COMPLETED)))
        assert b"secret" not in shown

    def test_every_field_of_the_contract_is_there(self) -> None:
        """The old server's names."""
        named = (
            "id user_id type status provider model input output error progress attempts created_at updated_at "
            "started_at completed_at notes priority usage cost billed scheduled_for next_try_at calls"
        )
        assert set(_viewer().task(make_task())) >= set(re.findall(r"\w+", named))

    def test_waiting_task_has_no_output_and_an_estimated_cost(self) -> None:
        """The price is of what was asked for."""
        shown = _viewer().task(make_task(images=3))
        assert shown["output"] is None
        assert shown["cost"] == {"amount": "0.60", "currency": "CNY", "images": 3, "estimated": True}
        assert shown["billed"] is Billed.NO

    def test_run_at_is_a_schedule_or_a_next_try(self) -> None:
        """The status says which."""
        later = NOW + timedelta(minutes=1)
        scheduled = _viewer().task(make_task(status=Status.SCHEDULED, run_at=later))
        waiting = _viewer().task(make_task(status=Status.PENDING, run_at=later))
        assert (scheduled["scheduled_for"], scheduled["next_try_at"]) == (later, None)
        assert (waiting["scheduled_for"], waiting["next_try_at"]) == (None, later)

    def test_partial_task_costs_what_was_made(self) -> None:
        """Two of three pictures are paid."""
        outputs = {"0": kept_picture("t", 0), "1": failed_picture(1), "2": kept_picture("t", 2)}
        calls = {"c1": paid_call(indexes=(0, 2))}
        shown = _viewer().task(make_task("t", Status.COMPLETED, images=3, outputs=outputs, calls=calls))
        assert [image["index"] for image in shown["output"]["images"]] == [0, 2]
        assert [error["index"] for error in shown["output"]["errors"]] == [1]
        assert shown["output"]["partial"] is True
        assert shown["cost"]["amount"] == "0.40"

    def test_an_estimate_that_is_a_range_says_so(self) -> None:
        """Until the service tells what it cost."""
        price = Price(amount_micro=200_000, currency="CNY", most_micro=500_000)
        waiting = {"amount": "0.60", "currency": "CNY", "images": 3, "estimated": True, "at_most": "1.50"}
        assert _viewer().task(make_task(images=3, price=price))["cost"] == waiting
        shown = _viewer().task(make_task(status=Status.COMPLETED, price=price))
        assert (shown["cost"]["amount"], shown["cost"]["at_most"]) == ("0.20", "0.50")
        assert shown["cost"]["estimated"] is True
        told = {"c1": paid_call(cost_micro=312_500)}
        shown = _viewer().task(make_task(status=Status.COMPLETED, price=price, calls=told))
        assert shown["cost"] == {"amount": "0.3125", "currency": "CNY", "images": 1, "estimated": False}
        assert [call["cost"] for call in shown["calls"]] == ["0.3125"]

    def test_a_task_without_outputs_costs_its_calls(self) -> None:
        """At least one until it is done."""
        waiting = _viewer().task(make_task(images=0))["cost"]
        assert waiting == {"amount": "0.20", "currency": "CNY", "images": 0, "estimated": True}
        calls = {"c1": paid_call(indexes=()), "c2": paid_call(id="c2", indexes=(), cost_micro=50_000)}
        done = _viewer().task(make_task(status=Status.COMPLETED, images=0, outputs={}, calls=calls))["cost"]
        assert done == {"amount": "0.25", "currency": "CNY", "images": 0, "estimated": False}

    def test_usage_is_added_up_over_the_calls(self) -> None:
        """Unless the provider counted the whole."""
        calls = {"c1": paid_call(), "c2": paid_call(id="c2", usage={"generated_images": 2, "model": "x"})}
        assert _viewer().task(make_task(calls=calls))["usage"] == {"generated_images": 3}
        assert _viewer().task(make_task(calls=calls, usage={"tokens": 5}))["usage"] == {"tokens": 5}

    def test_call_under_way_is_of_unknown_billing(self) -> None:
        """A single-call task's start is its call's announcement."""
        assert _viewer().task(make_task(status=Status.PROCESSING, single_call=True))["billed"] is Billed.UNKNOWN
        cancelled = make_task(
            status=Status.CANCELLED, error=TaskError(code="cancelled", message="m", billed=Billed.UNKNOWN)
        )
        assert _viewer().task(cancelled)["billed"] is Billed.UNKNOWN
        assert _viewer().task(cancelled)["cost"]["estimated"] is True

    def test_unknown_outcome_is_shown_with_its_call(self) -> None:
        """A user sees what may have been paid."""
        shown = _viewer().task(make_task(calls={"c1": paid_call(outcome=CallOutcome.UNKNOWN)}))
        assert shown["billed"] is Billed.UNKNOWN
        assert shown["calls"][0]["outcome"] is CallOutcome.UNKNOWN

    def test_references_stand_where_they_were_sent(self) -> None:
        """Our own pictures as links of ours, others as they were given."""
        references = (
            reference("options.image[0]", asset="t/in-0-a.png"),
            reference("options.image[1]", url="https://elsewhere.example/a.png"),
            reference("mask", asset="t/in-1-b.png"),
        )
        shown = _viewer().task(make_task(references=references))["input"]
        assert shown["image"] == ["http://here/api/v1/assets/t/in-0-a.png", "https://elsewhere.example/a.png"]
        assert shown["mask"] == "http://here/api/v1/assets/t/in-1-b.png"

    def test_picture_after_cancellation_is_late(self) -> None:
        """It was paid, so it is kept and listed."""
        late = kept_picture("t", 0, at=NOW + timedelta(minutes=1))
        shown = _viewer().task(make_task("t", Status.CANCELLED, outputs={}, late={"0": late}))
        assert [picture["index"] for picture in shown["output"]["late"]] == [0]
        assert shown["output"]["images"] == []

    def test_data_of_a_task_without_pictures_is_its_output(self) -> None:
        """A provider may answer with text."""
        shown = _viewer().task(make_task(status=Status.COMPLETED, images=0, outputs={}, result={"text": "hello"}))
        assert shown["output"]["text"] == "hello"


class TestRoute:
    def test_a_task_says_who_made_it_and_why_others_did_not(self) -> None:
        """By the public name, and each call by whom it was sent to."""
        shown = _viewer().task(routed_task())
        assert (shown["provider"], shown["route"]["model"], shown["route"]["target"]) == (
            "other",
            "poster",
            "other/one",
        )
        assert [(each["provider"], each["code"], each["billed"]) for each in shown["route"]["tried"]] == [
            ("scripted", "ServerOverloaded", "no")
        ]
        assert [call["provider"] for call in shown["calls"]] == ["scripted", "scripted", "other"]

    def test_currencies_are_never_mixed(self) -> None:
        """Each picture costs what its maker asks, in its own money."""
        assert _viewer().task(routed_task())["cost"] == {
            "amount": "0.04",
            "currency": "USD",
            "images": 1,
            "estimated": False,
            "others": [{"amount": "0.20", "currency": "CNY", "images": 1}],
        }

    def test_what_is_to_come_is_counted_at_its_targets_price(self) -> None:
        """While it is not finished."""
        cost = _viewer().task(routed_task(Status.PENDING, calls={}, outputs={}))["cost"]
        assert (cost["amount"], cost["images"], cost["estimated"]) == ("0.08", 2, True)

    def test_a_task_without_a_route_has_none(self) -> None:
        assert _viewer().task(make_task())["route"] is None


class TestMoney:
    def test_amounts_are_exact(self) -> None:
        """No binary fractions."""
        assert [price_text(amount) for amount in (0, 200_000, 259_000, 1_000_000, 3_000_001)] == [
            "0.00", "0.20", "0.259", "1.00", "3.000001"
        ]  # fmt: skip

    def test_no_price_no_cost(self) -> None:
        """Nothing is invented."""
        assert _viewer().task(make_task(price=None))["cost"] is None
        assert Price(amount_micro=1, currency="CNY")
