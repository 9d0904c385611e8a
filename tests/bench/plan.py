"""What is measured, how it is compared, and what it should come to."""

from __future__ import annotations

import attrs

from tests.bench.stages import Sizes

__all__ = ["FULL", "QUICK", "STAGES", "Stage", "Target"]


@attrs.frozen
class Target:
    """What our ratio to another contender should come to: at least, or at most."""

    to: str
    ratio: float
    at_least: bool = True

    @property
    def text(self) -> str:
        """The bound, as the table shows it."""
        return f"{'≥' if self.at_least else '≤'} {self.ratio:g}"

    def met(self, ratio: float) -> bool:
        """Tell whether *ratio* keeps it."""
        return ratio >= self.ratio if self.at_least else ratio <= self.ratio


@attrs.frozen(kw_only=True)
class Stage:
    """A row of the table. `who` names the contenders that take part.

    `repeats`: how often a round measures us and whom the target names. Throughput on a small machine scatters by a
    tenth from one measurement to the next, so that three say little.
    """

    name: str
    title: str
    unit: str
    who: tuple[str, ...]
    targets: tuple[Target, ...] = ()
    higher_is_better: bool = True
    repeats: int = 1

    def taking_part(self, repeat: int) -> tuple[str, ...]:
        """Return who is measured in the repeat of that number, counted from 0: all of them in the first."""
        needed = {"danqing", *(target.to for target in self.targets)}
        return self.who if repeat == 0 else tuple(name for name in self.who if name in needed)


ALL = ("danqing", "accounted", "watched", "pymongo", "baseline", "arq", "saq")
BOTH = ("danqing", "baseline")
PICTURES = ("danqing", "thumbnails", "baseline")
WITH_JOURNAL = ("danqing", "pymongo", "baseline", "baseline_j", "arq", "saq")

STAGES = (
    Stage(name="start", title="start: CPU to the first answer", unit="ms", who=BOTH, higher_is_better=False),
    Stage(name="submit", title="submit", unit="tasks/s", who=ALL, targets=(Target("baseline", 3.0),), repeats=4),
    Stage(name="drain", title="drain", unit="tasks/s", who=ALL, targets=(Target("baseline", 2.5),), repeats=2),
    Stage(
        name="steady", title="steady state", unit="tasks/s", who=ALL, targets=(Target("baseline", 3.5),), repeats=4
    ),
    Stage(
        name="poll_finished", title="poll, finished", unit="polls/s", who=BOTH, targets=(Target("baseline", 6.0),)
    ),
    Stage(
        name="poll_unfinished",
        title="poll, unfinished",
        unit="polls/s",
        who=BOTH,
        targets=(Target("baseline", 3.0),),
    ),
    Stage(
        name="idle",
        title="idle: submit → upstream called",
        unit="ms",
        who=WITH_JOURNAL,
        targets=(Target("baseline_j", 1.2, at_least=False),),
        higher_is_better=False,
        repeats=3,
    ),
    Stage(
        name="slow",
        title="slow upstream: CPU per task",
        unit="µs",
        who=BOTH,
        targets=(Target("baseline", 0.4, at_least=False),),
        higher_is_better=False,
    ),
    Stage(name="waiting", title="calls waiting: memory each", unit="kB", who=BOTH, higher_is_better=False),
    Stage(
        name="waiting_in_two",
        title="the same in two processes",
        unit="kB",
        who=("danqing",),
        higher_is_better=False,
    ),
    Stage(name="drain_pictures", title="drain, 100 KB pictures", unit="tasks/s", who=BOTH),
    Stage(name="steady_pictures", title="steady, 100 KB pictures", unit="tasks/s", who=BOTH),
    Stage(
        name="drain_jpeg",
        title="drain, JPEG 2048²",
        unit="tasks/s",
        who=PICTURES,
        targets=(Target("baseline", 1.3),),
    ),
    Stage(
        name="drain_png", title="drain, PNG 2048²", unit="tasks/s", who=PICTURES, targets=(Target("baseline", 2.0),)
    ),
    Stage(name="size", title="size", unit="µs", who=("danqing",), higher_is_better=False),
)

QUICK = Sizes(
    load_s=2,
    drained=2_000,
    steady_s=3,
    idle_tasks=50,
    pictures=300,
    large_pictures=60,
    waiting=2_000,
    stored=(10_000, 100_000),
    queued=20_000,
)
FULL = Sizes(
    load_s=4,
    drained=5_000,
    steady_s=5,
    idle_tasks=150,
    pictures=1_000,
    large_pictures=600,
    waiting=5_000,
    stored=(10_000, 100_000, 1_000_000),
    queued=100_000,
)
