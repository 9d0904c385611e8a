"""One submission, and everything its client did and saw."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import attrs

from tests.chaos.traffic import Kind

__all__ = ["FINISHED", "Move", "Submission"]

FINISHED = ("completed", "failed", "cancelled")
TRIED_AGAIN = ("failed", "cancelled")


@attrs.frozen(kw_only=True)
class Move:
    """One thing a user did: `cancel`, `retry`, `delete` or `repeat` (the submission, with its key).

    `status` is the answer's, 0 when nothing could be sent, -1 when no answer came; `code` is its `code`.
    """

    what: str
    at_s: float
    answered_s: float
    status: int
    code: str | None = None

    @property
    def may_have_struck(self) -> bool:
        """Whether it was carried out, or may have been."""
        return self.status in (-1, 200, 201, 503)


@attrs.define(kw_only=True)
class Submission:
    """One submission and everything its client saw. Times are seconds since the epoch.

    `answer` is `accepted`, `refused` (503, 429: told that it will not run) or `maybe` (no answer came, no key).
    `seen` are the statuses in the order they were seen, `story` everything with its time. `gone`: its user deleted
    it, and it is no longer there; `withdrawn`: the run itself cancelled it. `refused` are moves that were never
    taken.
    """

    nonce: str
    kind: Kind
    policy: str
    images: int
    group: bool
    keyed: bool
    sent_s: float
    body: Mapping[str, Any] = attrs.field(factory=dict)
    answer: str = "maybe"
    answered_s: float = 0.0
    task_id: str | None = None
    seen: list[str] = attrs.field(factory=list)
    story: list[tuple[float, str]] = attrs.field(factory=list)
    moves: list[Move] = attrs.field(factory=list)
    ended_s: float = 0.0
    gone: bool = False
    withdrawn: bool = False
    task: Mapping[str, Any] = attrs.field(factory=dict)
    troubles: list[str] = attrs.field(factory=list)
    refused: list[str] = attrs.field(factory=list)

    @property
    def status(self) -> str:
        """The status seen last."""
        return self.seen[-1] if self.seen else "unseen"

    @property
    def ended(self) -> bool:
        """Whether nothing more is to come, as far as its client knows."""
        return self.gone or self.status in FINISHED

    @property
    def last_moved_s(self) -> float:
        """When its user last did something that may have had an effect, the submission included."""
        struck = [move.answered_s for move in self.moves if move.may_have_struck]
        return max([self.answered_s, *struck])

    def tries(self, what: str) -> int:
        """Return how often its user did *what*, as far as it may have had an effect."""
        return sum(move.what == what and move.may_have_struck for move in self.moves)

    def note(self, what: str) -> None:
        """Write something down that happened now."""
        self.story.append((time.time(), what))

    def moved(self, move: Move) -> None:
        """Note what its user did; a retry may begin it anew."""
        self.moves.append(move)
        self.note(f"{move.what}: {move.status} {move.code or ''}".rstrip())
        if move.what == "retry" and move.status == 200:
            self.begins_anew()

    def begins_anew(self) -> None:
        """Note that a retry was carried out: what was seen before is no end any more."""
        self.seen.append("retried")
        self.ended_s = 0.0

    def saw(self, task: Mapping[str, Any]) -> None:
        """Note what a poll brought."""
        status = str(task["status"])
        if self.status != status:
            if self._may_not_follow(status):
                self.troubles.append(f"{self.status} became {status}")
            self.seen.append(status)
            self.note(status)
        self.task = task
        self.ended_s = (self.ended_s or time.time()) if status in FINISHED else 0.0

    def _may_not_follow(self, status: str) -> bool:
        if self.status not in FINISHED:
            return False
        return self.status not in TRIED_AGAIN or not self.tries("retry")

    def saw_nothing(self) -> None:
        """Note that the server knows no such task."""
        if self.tries("delete"):
            self.gone = True
            self.ended_s = self.ended_s or time.time()
            self.note("gone")
        elif "404 after 201" not in self.troubles:
            self.troubles.append("404 after 201")
            self.note("404")
