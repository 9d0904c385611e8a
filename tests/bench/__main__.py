"""`python -m tests.bench`: measure this server beside others in one run, print a table, write JSON and a chart.

`BENCH=quick` runs one short round. `BENCH_STAGES=submit,drain` and `BENCH_ROUNDS=5` choose.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import size_stages, slow_stages, stages
from tests.bench.arena import Arena, open_arena
from tests.bench.chart import draw
from tests.bench.contenders import (
    BASELINE,
    BASELINE_JOURNALED,
    OURS,
    OURS_ACCOUNTED,
    OURS_ON_PYMONGO,
    OURS_WATCHED,
    OURS_WITH_THUMBNAILS,
    Contender,
    rivals,
)
from tests.bench.load import client_name
from tests.bench.machine import describe, raise_descriptor_limit
from tests.bench.plan import FULL, QUICK, STAGES, Stage
from tests.bench.report import Report, Row
from tests.bench.stages import Measured, Sizes
from tests.bench.stub import Shown

ROUNDS = 3
FOLDER = Path(__file__).parents[2] / "docs" / "performance"
PAGES = ("performance.md", "performance.zh.md")
Measure = Callable[[Arena, Contender, Sizes], Measured]

MEASURES: dict[str, Measure] = {
    "start": stages.start,
    "submit": stages.submit,
    "drain": stages.drain,
    "steady": stages.steady,
    "poll_finished": stages.poll_finished,
    "poll_unfinished": stages.poll_unfinished,
    "idle": stages.idle,
    "slow": slow_stages.slow,
    "waiting": slow_stages.waiting,
    "waiting_in_two": slow_stages.waiting_in_two,
    "drain_pictures": lambda arena, contender, sizes: stages.drain(arena, contender, sizes, "image"),
    "drain_jpeg": lambda arena, contender, sizes: stages.drain(arena, contender, sizes, "image", Shown.JPEG),
    "drain_png": lambda arena, contender, sizes: stages.drain(arena, contender, sizes, "image", Shown.PNG),
    "steady_pictures": lambda arena, contender, sizes: stages.steady(arena, contender, sizes, "image"),
}


def main() -> int:
    """Run the benchmark; 1 when something could not be measured."""
    quick = os.environ.get("BENCH") == "quick"
    rounds = int(os.environ.get("BENCH_ROUNDS", "1" if quick else str(ROUNDS)))
    chosen = _chosen_stages(os.environ.get("BENCH_STAGES", ""))
    report = Report(
        machine=describe(), client=client_name(), quick=quick, rounds=rounds, began_at=datetime.now(UTC)
    )
    contenders = _chosen_contenders(os.environ.get("BENCH_ONLY", ""))
    if not {"arq", "saq"} & {contender.name for contender in contenders}:
        print("arq and SAQ are left out: their environment is not there (see tests/bench/profile.md)")
    raise_descriptor_limit()
    began_s = time.monotonic()
    with open_arena() as arena:
        for round_, stage in itertools.product(range(rounds), chosen):
            for row in _round(arena, stage, contenders, round_, quick=quick):
                report.rows.append(row)
                print(row.line, flush=True)
    report.took_s = round(time.monotonic() - began_s)
    print(f"\n{report.table()}\n")
    if len(chosen) == len(STAGES) and "BENCH_ONLY" not in os.environ:
        _write(report, "quick" if quick else "results")
    return int(any(row.error for row in report.rows))


def _chosen_contenders(wanted: str) -> list[Contender]:
    names = [name for name in wanted.split(",") if name]
    ours = [OURS, OURS_ACCOUNTED, OURS_WATCHED, OURS_ON_PYMONGO, OURS_WITH_THUMBNAILS]
    found = [*ours, BASELINE, BASELINE_JOURNALED, *rivals()]
    return [contender for contender in found if not names or contender.name in names]


def _chosen_stages(wanted: str) -> list[Stage]:
    names = [name for name in wanted.split(",") if name]
    unknown = set(names) - {stage.name for stage in STAGES}
    if unknown:
        known = ", ".join(stage.name for stage in STAGES)
        sys.exit(f"BENCH_STAGES: unknown {', '.join(sorted(unknown))}; known: {known}")
    return [stage for stage in STAGES if not names or stage.name in names]


def _round(arena: Arena, stage: Stage, contenders: list[Contender], round_: int, *, quick: bool) -> Iterator[Row]:
    """Measure one stage with each contender in turn, as often as a round does; who begins changes each time."""
    sizes = QUICK if quick else FULL
    if stage.name == "size":
        passed: Counter[str] = Counter()
        for name, measured in size_stages.size(arena, sizes):
            turn = round_ * size_stages.PASSES + passed[name]
            passed[name] += 1
            yield Row(stage=name, contender=OURS.name, turn=turn, measured=measured)
        return
    repeats = 1 if quick else stage.repeats
    for repeat in range(repeats):
        names = stage.taking_part(repeat)
        taking_part = [contender for contender in contenders if contender.name in names]
        turn = round_ * repeats + repeat
        first = turn % max(1, len(taking_part))
        for contender in taking_part[first:] + taking_part[:first]:
            yield _row(arena, stage, contender, turn, sizes)


def _row(arena: Arena, stage: Stage, contender: Contender, turn: int, sizes: Sizes) -> Row:
    try:
        measured = MEASURES[stage.name](arena, contender, sizes)
    except Exception as error:  # noqa: BLE001 — one contender's failure must not lose the others' numbers
        reason = f"{type(error).__name__}: {error}"
        return Row(stage=stage.name, contender=contender.name, turn=turn, error=reason)
    return Row(stage=stage.name, contender=contender.name, turn=turn, measured=measured)


def _write(report: Report, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_bytes(report.as_json())
    (FOLDER / f"{name}.svg").write_text(draw(report))
    if not report.quick:
        for page in PAGES:
            report.write_into(FOLDER.parent / page)
        print(f"what is said beside the tables of {' and '.join(PAGES)} is of the run before: read it anew")
    print(f"written: {FOLDER / name}.json, .svg")


if __name__ == "__main__":
    raise SystemExit(main())
