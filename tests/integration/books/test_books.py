"""Money: whatever the order of events, nothing is bought twice, nothing bought is lost, and the books say so."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.integration.books.stage import Tell
from tests.integration.books.story import (
    Answer,
    Cancel,
    Crash,
    Delete,
    Forget,
    Release,
    Repeat,
    Retry,
    Says,
    Shape,
    Story,
    Submit,
    stories,
)

HELD = Says(Answer.BYTES, held=True)
DEAD, HTML, REFUSED = Says(Answer.DEAD_LINK), Says(Answer.NO_PICTURE), Says(Answer.REFUSED, held=True)
ONE = Submit(plan=(HELD,))

IS_LONG = settings.get_current_profile_name() == "long"
EXAMPLES = settings(
    settings.get_profile("long") if IS_LONG else settings(max_examples=50, derandomize=True, database=None),
    suppress_health_check=list(HealthCheck),
)

KNOWN = {
    "E2: a lost link, and another call in the same attempt": Story(
        (Submit(n=2, shape=Shape.ABREAST, plan=(DEAD, Says(Answer.UNBILLED))),), 100
    ),
    "E2: a lost link beside a picture that is there": Story((Submit(n=2, plan=(DEAD,)),), 100),
    "E3: no pictures, outcome unknown": Story((Submit(n=0, plan=(Says(Answer.CUT_BILLED),)),)),
    "E3: no pictures, under retry": Story(
        (Submit(n=0, on_ambiguous="retry", plan=(Says(Answer.CUT_BILLED),) * 3),)
    ),
    "E3: no pictures, a death inside the call": Story((Submit(n=0, plan=(HELD,)), Crash())),
    "E4: cancel and retry while a call is open": Story((ONE, Cancel(), Retry(), Release()), 100),
    "E4: cancel, retry, cancel while a call is open": Story((ONE, Cancel(), Retry(), Cancel(), Release()), 100),
    "E4: cancel, and a death inside the call": Story((ONE, Cancel(), Crash(), Retry()), 100),
    "E4: delete and repeat while a call is open": Story((ONE, Delete(), Repeat(), Release()), 100),
    "E5: billed, and no picture": Story((Submit(n=3, plan=(HTML, HTML, HTML)),), 100),
    "E5: billed, and no picture, until the limit": Story((Submit(n=2, plan=(HTML, HTML)),) * 3, 3),
    "E5: cancelled attempts settle": Story((Submit(n=3, plan=(HELD,)), Cancel(), Release()), 100),
    "E5: deleted attempts settle": Story((Submit(n=3, plan=(HELD,)), Delete(), Release()), 100),
    "E5: dead processes' attempts settle": Story((Submit(n=3, plan=(HELD,)), Crash()), 100),
    "E5: cost counts what was paid twice": Story((Submit(on_ambiguous="retry", plan=(HELD,)), Crash()), 100),
    "E12: delete, then repeat": Story((Submit(), Delete(), Repeat())),
    "E12: cancel, delete, then repeat": Story((ONE, Cancel(), Release(), Delete(), Repeat())),
    "H1: a dead link under fail": Story((Submit(plan=(DEAD,)),), 100),
    "H1: dead links under retry": Story((Submit(on_ambiguous="retry", plan=(DEAD, DEAD)),), 100),
    "H1: a dead link in a group": Story((Submit(n=3, shape=Shape.GROUP, plan=(DEAD,)),), 100),
    "H2: a link that is 404 at first": Story((Submit(plan=(Says(Answer.LATE_LINK),)),), 100),
    "R5: an order that is refused": Story((Submit(shape=Shape.ORDER, plan=(REFUSED,)),), 100),
    "R5: an order that is refused after a death": Story((Submit(shape=Shape.ORDER, plan=(REFUSED,)), Crash()), 100),
    "R5: an order that fails unbilled after a death": Story(
        (Submit(shape=Shape.ORDER, plan=(Says(Answer.UNBILLED, held=True),)), Crash()), 100
    ),
    "R5: an order that came, before one that is refused": Story(
        (Submit(n=2, shape=Shape.ORDER, plan=(Says(Answer.RELEASED), Says(Answer.REFUSED))),), 100
    ),
    "E5: billed, and no picture, and retried under a death": Story(
        (Submit(plan=(HTML, HELD)), Retry(), Crash()), 100
    ),
    "E5: cancelled while the price is set aside": Story(
        tuple(move for task in range(8) for move in (Submit(), Cancel(task))), 100, frozenset(range(1, 16, 2))
    ),
    "what was set aside for what is deleted at once, before a death": Story((Submit(n=3), Delete(), Crash())),
    "E5: calls side by side settle": Story(
        (Submit(n=2, shape=Shape.ABREAST, plan=(Says(Answer.UNBILLED), Says(Answer.UNBILLED))),), 100
    ),
    "H2: a link that is saved when a death cuts the next call": Story(
        (Submit(n=2, plan=(Says(Answer.BROKEN_LINK), HELD)), Crash()), 100
    ),
    "a picture that is deleted, of a call that was cut after it": Story(
        (Submit(n=2, shape=Shape.GROUP, plan=(Says(Answer.FIRST_ONLY),)), Forget()), 100
    ),
    "a picture that is deleted, of a task that is cancelled, and not bought again": Story(
        (Submit(n=2, plan=(Says(Answer.BYTES), HELD)), Cancel(), Release(), Forget(), Retry()), 100
    ),
    "an order that is deleted while it waits for another process": Story(
        (Submit(shape=Shape.ORDER, single=True, plan=(HELD,)), Crash(), Delete()), 100
    ),
    "an answer in words that comes after its task was cancelled, and is not bought again": Story(
        (Submit(n=0, plan=(HELD,)), Cancel(), Release(), Retry())
    ),
    "the same, announced": Story((Submit(n=0, single=True, plan=(HELD,)), Cancel(), Release(), Retry()), 100),
    "an order that brings one of two, told after a death": Story(
        (Submit(n=2, shape=Shape.ORDER, plan=(Says(Answer.RELEASED, held=True),)), Crash()), 100
    ),
    "R5: an order that is cancelled, and refused at its retry": Story(
        (Submit(shape=Shape.ORDER, plan=(REFUSED,)), Cancel(), Retry()), 100
    ),
}


class TestBooks:
    @pytest.mark.parametrize("story", KNOWN.values(), ids=KNOWN)
    def test_known_stories(self, tell: Tell, story: Story) -> None:
        """E2, E3, E4, E5, E12, H1, H2, R5: what went wrong once."""
        tell(story)

    @EXAMPLES
    @given(story=stories())
    def test_the_books_agree_with_the_bills(self, tell: Tell, story: Story) -> None:
        """Any order of submissions, answers, lost links, cancellations, retries, deletions, repeats and deaths."""
        tell(story)
