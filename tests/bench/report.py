"""The rows of a run, and what is made of them: a table of medians and ratios, JSON, a section of the page."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import orjson

from tests.bench.chinese import in_chinese
from tests.bench.plan import STAGES, Stage, Target
from tests.bench.stages import Measured

__all__ = ["Report", "Row"]

BEGIN, END = "<!-- results: written by make bench -->", "<!-- end of results -->"
COLUMNS = {
    "danqing": "danqing",
    "accounted": "accounted",
    "pymongo": "on PyMongo",
    "baseline": "baseline",
    "baseline_j": "journaled",
    "arq": "arq",
    "saq": "SAQ",
}
"""Contenders, and what the table calls them."""
LARGEST_GROWTH = 1.3
MOST_KB_EACH = 30
MOST_SUBMIT_P99_MS = 50
MOST_START_MS = 1_000
FEWEST_PAIRS = 2


@attrs.frozen(kw_only=True)
class Row:
    """One contender in one stage; `error` says why there is no measurement.

    Rows of one stage and `turn`, counted from 0 over all rounds, were measured one right after the other.
    """

    stage: str
    contender: str
    turn: int
    measured: Measured | None = None
    error: str | None = None

    @property
    def line(self) -> str:
        """Return it for people who watch."""
        value = (
            self.error if self.measured is None else f"{self.measured.value:,.2f}  {dict(self.measured.details)}"
        )
        return f"turn {self.turn + 1:<3} {self.stage:<24} {self.contender:<11} {value}"


@attrs.define(kw_only=True)
class Report:
    """A whole run. `took_s` is set at its end."""

    machine: dict[str, object]
    client: str
    quick: bool
    rounds: int
    began_at: datetime
    took_s: int = 0
    rows: list[Row] = attrs.field(factory=list)

    def values(self, stage: str, contender: str) -> dict[int, float]:
        """Return what was measured, by turn."""
        chosen = [row for row in self.rows if (row.stage, row.contender) == (stage, contender)]
        return {row.turn: row.measured.value for row in chosen if row.measured is not None}

    def median(self, stage: str, contender: str) -> float | None:
        """Return the median over the turns, None when there is nothing."""
        values = self.values(stage, contender)
        return statistics.median(values.values()) if values else None

    def ratio(self, stage: str, to: str) -> float | None:
        """Return our median over another's."""
        ours, others = self.median(stage, "danqing"), self.median(stage, to)
        return ours / others if ours is not None and others else None

    def pairs(self, stage: str, to: str) -> tuple[float, float, int] | None:
        """Return the geometric mean of the ratios of single turns, its standard error, and of how many turns."""
        ours, others = self.values(stage, "danqing"), self.values(stage, to)
        logs = [math.log(ours[turn] / others[turn]) for turn in ours if others.get(turn)]
        if len(logs) < FEWEST_PAIRS:
            return None
        mean = math.exp(statistics.mean(logs))
        return mean, mean * statistics.stdev(logs) / math.sqrt(len(logs)), len(logs)

    def table(self) -> str:
        """Return the medians, our ratios and the targets as a Markdown table."""
        head = f"| stage | unit | {' | '.join(COLUMNS.values())} | ratio | pairs | target | |"
        lines = [head, "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|---|---|"]
        lines += [self._line(stage) for stage in STAGES if self.values(stage.name, "danqing")]
        return "\n".join(lines + self._promises() + self._sizes())

    def _line(self, stage: Stage) -> str:
        medians = [_short(self.median(stage.name, name)) for name in COLUMNS]
        target = stage.targets[0] if stage.targets else Target("baseline", 0.0)
        ratio, pairs = self.ratio(stage.name, target.to), self.pairs(stage.name, target.to)
        shown = "" if ratio is None else f"{ratio:.2f}×"
        paired = "" if pairs is None else f"{pairs[0]:.2f} ± {pairs[1]:.2f} ({pairs[2]})"
        wanted = f"{target.text} × {COLUMNS[target.to]}" if stage.targets else ""
        met = _mark(target.met(ratio)) if stage.targets and ratio is not None else ""
        return f"| {stage.title} | {stage.unit} | {' | '.join(medians)} | {shown} | {paired} | {wanted} | {met} |"

    def _promises(self) -> list[str]:
        """Return the lines of what is promised without a comparison."""
        lines = []
        start_ms = self.median("start", "danqing")
        if start_ms is not None:
            wanted = f"< {MOST_START_MS} ms"
            lines.append(
                _plain("start: CPU to the first answer", "ms", start_ms, wanted, _mark(start_ms < MOST_START_MS))
            )
        for stage in ("waiting", "waiting_in_two"):
            kb_each = self.median(stage, "danqing")
            p99_ms = self._detail(stage, "submit_p99_ms")
            if kb_each is None or p99_ms is None:
                continue
            calls = self._detail(stage, "in_flight")
            within = _mark(kb_each <= MOST_KB_EACH), _mark(p99_ms <= MOST_SUBMIT_P99_MS)
            what = f"{calls:,.0f} calls waiting"
            lines.append(_plain(f"{what}: memory each", "kB", kb_each, f"≤ {MOST_KB_EACH} kB", within[0]))
            lines.append(_plain(f"{what}: submit p99", "ms", p99_ms, f"< {MOST_SUBMIT_P99_MS} ms", within[1]))
        return lines

    def _sizes(self) -> list[str]:
        """Return the lines of growth: cost with the most tasks stored over that with the fewest."""
        lines = []
        for operation in ("submit", "reserve", "poll"):
            costs = self._costs(operation)
            for count in sorted(costs):
                growth = costs[count] / costs[min(costs)]
                wanted, met = (
                    (f"≤ {LARGEST_GROWTH}×", _mark(growth <= LARGEST_GROWTH)) if count > min(costs) else ("", "")
                )
                title = f"{operation}, {count:,} stored: CPU each"
                lines.append(
                    f"| {title} | µs | {_short(costs[count])} | | | | | | | {growth:.2f}× | | {wanted} | {met} |"
                )
        return lines

    def _costs(self, operation: str) -> dict[int, float]:
        start = f"size_{operation}_"
        counts = {int(row.stage.removeprefix(start)) for row in self.rows if row.stage.startswith(start)}
        medians = {count: self.median(f"{start}{count}", "danqing") for count in counts}
        return {count: median for count, median in medians.items() if median is not None}

    def _detail(self, stage: str, name: str) -> float | None:
        found = [row.measured.details for row in self._ours(stage) if row.measured is not None]
        return statistics.median([details[name] for details in found]) if found else None

    def _ours(self, stage: str) -> Iterable[Row]:
        return (row for row in self.rows if (row.stage, row.contender) == (stage, "danqing"))

    def as_json(self) -> bytes:
        """Return everything, medians and raw rows."""
        names = sorted({(row.stage, row.contender) for row in self.rows})
        medians: dict[str, dict[str, float | None]] = {}
        for stage, contender in names:
            medians.setdefault(stage, {})[contender] = self.median(stage, contender)
        whole: dict[str, Any] = {**attrs.asdict(self, recurse=False), "medians": medians}
        return orjson.dumps(whole, default=attrs.asdict, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)

    def write_into(self, page: Path) -> None:
        """Put the table between the page's marks, in the page's language. Raises ValueError when they are missing.

        What people wrote between the run and its chart stays: it is theirs to judge by the new figures.
        """
        before, begin, rest = page.read_text().partition(BEGIN)
        old, end, after = rest.partition(END)
        if not begin or not end:
            raise ValueError(f"{page} has no marks for the results")
        _, _, told = old.strip().partition("\n\n")
        remarks = told.partition("![")[0].strip()
        run, chart, table = self._in_chinese() if page.name.endswith(".zh.md") else self._in_english()
        shown = f"![{chart}](performance/results.svg)"
        written = "\n\n".join(filter(None, (run, remarks, shown, table)))
        page.write_text(f"{before}{BEGIN}\n\n{written}\n\n{END}{after}")

    def _in_english(self) -> tuple[str, str, str]:
        """Return the sentence about the run, the chart's title, and the table."""
        machine = self.machine
        run = (
            f"Measured {self.began_at:%Y-%m-%d}, {self.rounds} interleaved rounds, {self.took_s // 60} min "
            f"{self.took_s % 60} s, everything on one machine: {machine['cpu']}, {machine['cores']} cores, "
            f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}; "
            f"{self._packages(', ')}. Client: {self.client}."
        )
        return run, "Ratios to the baseline", self.table()

    def _in_chinese(self) -> tuple[str, str, str]:
        machine = self.machine
        run = (
            f"测于 {self.began_at:%Y-%m-%d}，{self.rounds} 轮交错，历时 {self.took_s // 60} min "
            f"{self.took_s % 60} s，全部在同一台机器上：{machine['cpu']}，{machine['cores']} 核，"
            f"{machine['memory_gib']} GiB，{machine['system']}，Python {machine['python']}；"
            f"{self._packages('、')}。客户端：{self.client}。"
        )
        return run, "与对照实现的比值", in_chinese(self.table())

    def _packages(self, comma: str) -> str:
        versions = self.machine["packages"]
        named = versions.items() if isinstance(versions, dict) else ()
        return comma.join(f"{name} {number}" for name, number in named)


def _plain(title: str, unit: str, value: float, wanted: str, met: str) -> str:
    return f"| {title} | {unit} | {_short(value)} | | | | | | | | | {wanted} | {met} |"


def _short(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _mark(met: bool) -> str:
    return "✓" if met else "✗"
