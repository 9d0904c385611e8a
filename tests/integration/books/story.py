"""What may happen, as values that print as a story."""

from __future__ import annotations

from enum import StrEnum

import attrs
from hypothesis import strategies as st

__all__ = [
    "UNPAID",
    "Answer",
    "Cancel",
    "Crash",
    "Delete",
    "Forget",
    "Move",
    "Release",
    "Repeat",
    "Retry",
    "Says",
    "Shape",
    "Story",
    "Submit",
    "stories",
]


class _Word(StrEnum):
    """A word that prints as it is written in code, so that a story can be pasted."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


class Answer(_Word):
    """What the service does with one call. Whatever is made is billed, heard of or not."""

    BYTES = "delivers bytes"
    LINK = "delivers a link"
    LATE_LINK = "delivers a link that is 404 at first"
    BROKEN_LINK = "delivers a link that is 500 at first"
    DEAD_LINK = "delivers a link that is 404 for good"
    NO_PICTURE = "delivers HTML"
    FIRST_ONLY = "delivers the first picture only"
    RELEASED = "delivers the first picture, says that it neither made nor billed the others"
    UNBILLED = "fails, unbilled"
    LIMITED = "asks for fewer requests"
    REFUSED = "refuses"
    CUT_BILLED = "is billed, and its answer is lost"
    CUT_UNBILLED = "is not billed, and its answer is lost"
    BUG = "is billed, and the plugin dies of its answer"


UNPAID = frozenset({Answer.UNBILLED, Answer.LIMITED, Answer.REFUSED, Answer.CUT_UNBILLED})
"""The answers that bill nothing."""


class Shape(_Word):
    """How a task's pictures are asked for. An order has an id of the service's, saved inside its call."""

    EACH = "one after the other"
    ABREAST = "side by side"
    GROUP = "in one call"
    ORDER = "in one order"


@attrs.frozen(repr=False)
class Says:
    """One answer; *held* until the story releases it."""

    answer: Answer
    held: bool = False

    def __repr__(self) -> str:
        return f"Says({self.answer!r}{', held=True' if self.held else ''})"


@attrs.frozen(kw_only=True)
class Submit:
    """A new task of *n* pictures. The service answers its calls by *plan*, and with good pictures after that.

    Its orders can be dropped where it is *single*.
    """

    n: int = 1
    shape: Shape = Shape.EACH
    single: bool = False
    on_ambiguous: str = "fail"
    plan: tuple[Says, ...] = ()


@attrs.frozen
class Release:
    """The oldest held call of task number *task* is answered."""

    task: int = 0


@attrs.frozen
class Cancel:
    """The user cancels task number *task*."""

    task: int = 0


@attrs.frozen
class Retry:
    """The user wants task number *task* tried again."""

    task: int = 0


@attrs.frozen
class Delete:
    """The user deletes task number *task*."""

    task: int = 0


@attrs.frozen
class Forget:
    """The user deletes the first picture that task number *task* has."""

    task: int = 0


@attrs.frozen
class Repeat:
    """The client repeats the submission of task number *task* under its Idempotency-Key."""

    task: int = 0


@attrs.frozen
class Crash:
    """The process dies; another one takes its place, and over what it held."""


Move = Submit | Release | Cancel | Retry | Delete | Forget | Repeat | Crash


@attrs.frozen
class Story:
    """What happens, in order; *hasty* moves do not wait for what the one before set going.

    *limit* is the day's spend limit in pictures, None for none.
    """

    moves: tuple[Move, ...]
    limit: int | None = None
    hasty: frozenset[int] = frozenset()


TASKS = st.integers(0, 1)
SAYS = st.builds(Says, st.sampled_from(Answer), st.booleans())
SUBMITS = st.builds(
    Submit,
    n=st.sampled_from([1, 2, 0, 3]),
    shape=st.sampled_from(Shape),
    single=st.booleans(),
    on_ambiguous=st.sampled_from(["fail", "retry"]),
    plan=st.lists(SAYS, max_size=4).map(tuple),
)
USERS_MOVES = st.one_of(*(st.builds(kind, TASKS) for kind in (Release, Cancel, Retry, Delete, Forget, Repeat)))
MOVES = st.one_of(USERS_MOVES, USERS_MOVES, USERS_MOVES, st.builds(Crash), SUBMITS)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Make a story that begins with a task."""
    moves = (draw(SUBMITS), *draw(st.lists(MOVES, max_size=7)))
    limit = draw(st.sampled_from([None, 100, 100, 3]))
    hasty = draw(st.frozensets(st.integers(0, len(moves) - 1), max_size=2)) if draw(st.booleans()) else frozenset()
    return Story(moves, limit, hasty)
