"""The chart: for each stage how many times the baseline's speed we reach, as bars, in SVG."""

from __future__ import annotations

from html import escape

from tests.bench.plan import STAGES, Stage
from tests.bench.report import Report

__all__ = ["draw"]

WIDTH, LEFT, RIGHT, ROW, TOP = 860, 250, 70, 34, 56
OURS, OTHERS, INK, FAINT, TARGET = "#2f6f8f", "#b9c4cc", "#22303a", "#dfe5e9", "#c0392b"
FONT = "font-family='system-ui, sans-serif' font-size='13'"
RIVALS = ("arq", "saq")
MOST_LINES = 12


def draw(report: Report) -> str:
    """Return the chart. A bar of 1 is the baseline; stages in which less is better are turned over."""
    stages = [stage for stage in STAGES if stage.unit != "kB" and _speedup(report, stage, "danqing") is not None]
    longest = (
        max([1.0, *(_speedup(report, stage, "danqing") or 0.0 for stage in stages), *map(_target, stages)]) * 1.08
    )
    height = TOP + ROW * len(stages) + 40
    scale = (WIDTH - LEFT - RIGHT) / longest
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' role='img' {FONT}>",
        f"<rect width='{WIDTH}' height='{height}' fill='white'/>",
        _text(20, 26, "Speed, as a multiple of the hand-written pipeline's", size=16),
        _text(20, 44, _legend(report), colour="#5b6b76"),
    ]
    step = max(1, round(longest / MOST_LINES))
    for number in sorted({1, *range(0, int(longest) + 1, step)}):
        x = LEFT + number * scale
        colour = INK if number == 1 else FAINT
        parts.append(f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{TOP}' y2='{height - 30}' stroke='{colour}'/>")
        if number % step == 0:
            parts.append(_text(x, height - 14, f"{number}×", anchor="middle"))
    for number, stage in enumerate(stages):
        parts += _row(report, stage, TOP + number * ROW, scale)
    return "\n".join([*parts, "</svg>", ""])


def _legend(report: Report) -> str:
    rounds = "one short round" if report.quick else f"medians of {report.rounds} rounds"
    return f"{rounds}; blue: danqing, grey: the same pipeline on arq and SAQ, red: target"


def _row(report: Report, stage: Stage, y: float, scale: float) -> list[str]:
    ours = _speedup(report, stage, "danqing") or 0.0
    others = [value for name in RIVALS if (value := _speedup(report, stage, name)) is not None]
    parts = [_text(LEFT - 10, y + 20, stage.title, anchor="end")]
    parts.append(_bar(y + 5, 14 if others else 22, ours * scale, OURS))
    parts += [_bar(y + 20 + 5 * number, 4, value * scale, OTHERS) for number, value in enumerate(others)]
    parts.append(_text(LEFT + ours * scale + 6, y + 17, f"{ours:.2f}×"))
    target = _target(stage)
    if target:
        x = LEFT + target * scale
        parts.append(
            f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{y + 2}' y2='{y + 30}' stroke='{TARGET}' stroke-width='2'/>"
        )
    return parts


def _speedup(report: Report, stage: Stage, name: str) -> float | None:
    base = stage.targets[0].to if stage.targets else "baseline"
    value, baseline = report.median(stage.name, name), report.median(stage.name, base)
    if not value or not baseline:
        return None
    return value / baseline if stage.higher_is_better else baseline / value


def _target(stage: Stage) -> float:
    if not stage.targets:
        return 0.0
    target = stage.targets[0]
    return target.ratio if target.at_least else 1 / target.ratio


def _bar(y: float, height: float, width: float, colour: str) -> str:
    return f"<rect x='{LEFT}' y='{y}' width='{width:.1f}' height='{height}' fill='{colour}'/>"


def _text(x: float, y: float, text: str, *, size: int = 13, anchor: str = "start", colour: str = INK) -> str:
    place = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'"
    return f"<text {place} font-size='{size}' fill='{colour}'>{escape(text)}</text>"
