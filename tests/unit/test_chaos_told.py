"""The chaos suite's judge of what was told, by webhook and by event stream."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import orjson
import pytest
from standardwebhooks import Webhook

from tests.chaos.listening import Follower
from tests.chaos.submission import Submission
from tests.chaos.told import Told, judge_task
from tests.chaos.traffic import PLAIN
from tests.chaos.verdict import Verdict
from tests.support.receiver import Received

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENDED = "2026-11-30T08:00:00.123000Z"


def post(id_: str, type_: str = "task.completed", at: str = ENDED, secret: str = SECRET, **data: str) -> Received:
    """A webhook as a receiver keeps it."""
    body = orjson.dumps({"type": type_, "timestamp": at, "data": {"id": "task_1", **data}})
    sent = datetime(2026, 11, 30, 8, tzinfo=UTC)
    signature = Webhook(secret).sign(id_, sent, body.decode())
    headers = {
        "webhook-id": id_,
        "webhook-timestamp": str(int(sent.timestamp())),
        "webhook-signature": f"v1,old {signature}",
    }
    return Received(path="/ok", headers=headers, body=body)


def completed() -> Submission:
    """A task that its client saw completed."""
    submission = Submission(
        nonce="", kind=PLAIN, policy="retry", images=1, group=False, keyed=True, sent_s=0.0, answer="accepted"
    )
    submission.task_id = "task_1"
    submission.saw({"id": "task_1", "status": "completed", "completed_at": "2026-11-30T08:00:00.123Z"})
    return submission


def follower(**statuses: str) -> Follower:
    """A client of the event stream that was told so."""
    return Follower(base_urls=(), headers={}, random=random.Random(), statuses=statuses)


class TestTold:
    def test_the_same_event_twice_is_as_promised(self) -> None:
        """One id, one body, signed: nothing is wrong, and one event was told."""
        told = Told.read([post("msg_1"), post("msg_1")], SECRET)
        assert (told.wrong, told.ids, told.posts) == ([], 1, 2)

    @pytest.mark.parametrize(
        ("second", "said"),
        [
            (post("msg_2"), "two ids"),
            (post("msg_1", status="failed"), "two bodies"),
            (post("msg_3", at="2026-11-30T08:00:01Z", secret="whsec_" + "A" * 32), "not signed"),
        ],
    )
    def test_what_a_repeat_may_not_be(self, second: Received, said: str) -> None:
        """Another id, another body, or another's signature."""
        ((task_id, text),) = Told.read([post("msg_1"), second], SECRET).wrong
        assert task_id == "task_1"
        assert said in text


class TestTask:
    def test_an_end_that_both_told(self) -> None:
        """Nothing is lost."""
        verdict = Verdict()
        told = Told.read([post("msg_1")], SECRET)
        judge_task(verdict, completed(), told, follower(task_1="completed"), frozenset())
        assert verdict.kept

    def test_an_end_that_neither_told(self) -> None:
        """The end of an earlier try is not this one, and a task left processing was not followed."""
        verdict = Verdict()
        told = Told.read([post("msg_1", at="2026-11-30T07:59:00Z")], SECRET)
        judge_task(verdict, completed(), told, follower(task_1="processing"), frozenset())
        assert [case.promise for case in verdict.cases] == ["events lost", "webhooks lost"]

    def test_what_is_still_to_be_sent_is_not_lost(self) -> None:
        """A receiver that was away is tried for three days."""
        verdict = Verdict()
        judge_task(verdict, completed(), Told(), follower(task_1="completed"), frozenset({"task_1"}))
        assert verdict.kept
