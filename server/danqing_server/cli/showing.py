"""How answers are shown: tables for eyes on a terminal; elsewhere lines of cells with tabs between, without a head.

What is shown came from elsewhere (prompts, names, reasons): no control character of it reaches a terminal, nor one
that turns the order in which it is read.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "STYLES",
    "age",
    "clean",
    "console",
    "money",
    "plain",
    "show_json",
    "show_members",
    "show_table",
    "show_text",
]

_TURNING = r"\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_CONTROL = re.compile(rf"[\x00-\x1f\x7f-\x9f{_TURNING}]+")
_UNPRINTED = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_TURNING}]")
_UNESCAPED = re.compile(rf"[\x7f-\x9f{_TURNING}]")
STYLES = {
    "completed": "green",
    "open": "green",
    "failed": "red",
    "closed": "red",
    "processing": "cyan",
    "half_open": "yellow",
    "held": "yellow",
    "paused": "yellow",
    "cancelled": "dim",
}
_WORDS = ("PROMPT", "REASON")
"""Columns of people's words, which may be cut to fit; ids and URLs are whole, or cannot be copied."""
GAP = 2
SHORTEST_LAST = 24
_SPANS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def console(*, stderr: bool = False) -> Console:
    """Return a console; it has no colours where `NO_COLOR` says so."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)


def clean(value: object) -> str:
    """Return what stands for a value: on one line, `-` for nothing."""
    text = "" if value is None else ("yes" if value else "no") if isinstance(value, bool) else str(value)
    return _CONTROL.sub(" ", text).strip() or "-"


def plain(text: str) -> str:
    """Return *text*, of as many lines, as it may be written to a terminal."""
    return _UNPRINTED.sub("", text)


def show_text(text: str) -> None:
    """Write what is not ours as it is, and to a terminal so that it can do nothing there."""
    sys.stdout.write(plain(text) if sys.stdout.isatty() else text)


def show_json(value: object) -> None:
    """Print a value on one line; what `json` leaves as it is, and a terminal obeys, is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    sys.stdout.write(_UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def show_table(
    head: Sequence[str], rows: Iterable[Sequence[object]], *, nothing: str = "nothing", spare: Sequence[str] = ()
) -> None:
    """Print rows; on a terminal under *head*, or *nothing* when there are none.

    A narrow terminal is not shown the columns *spare*, the first of them first, until the others fit; of the last
    column only what fits. Nothing else is cut: ids are there to be copied.
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        sys.stdout.writelines("\t".join(row) + "\n" for row in cells)
    elif not cells:
        sys.stdout.write(f"{nothing}\n")
    else:
        _draw([*head], cells, spare)


def _draw(head: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[str]) -> None:
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    target, lines = console(), [head, *rows]
    widths = [max(cell_len(line[place]) for line in lines) for place in range(len(head))]
    shown = _fitting(head, rows, spare, widths, target.width)
    *others, last = shown
    room = max(target.width - sum(widths[place] + GAP for place in others), SHORTEST_LAST)
    for line in lines:
        text = Text()
        for place in others:
            text.append(set_cell_size(line[place], widths[place] + GAP), _style(line is head, line[place]))
        cut = head[last] in _WORDS and cell_len(line[last]) > room
        ending = set_cell_size(line[last], room - 1).rstrip() + "…" if cut else line[last]
        target.print(text.append(ending, _style(line is head, line[last])), soft_wrap=True)


def _fitting(
    head: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[str], widths: Sequence[int], room: int
) -> list[int]:
    """Return the places of the columns that are shown: those with something in them, as far as there is room."""
    shown = [place for place in range(len(head)) if place == 0 or any(row[place] != "-" for row in rows)]
    for name in spare:
        *others, last = shown
        if sum(widths[place] + GAP for place in others) + min(widths[last], SHORTEST_LAST) <= room:
            break
        shown = [place for place in shown if head[place] != name]
    return shown


def _style(is_head: bool, cell: str) -> str:
    return "bold" if is_head else STYLES.get(cell, "")


def show_members(members: Mapping[str, object]) -> None:
    """Print names with their values, those without one left out."""
    said = {name: clean(value) for name, value in members.items() if value not in (None, "", [], {})}
    between = "\t"
    if sys.stdout.isatty():
        width = max(map(len, said), default=0)
        between, said = "  ", {name.ljust(width): value for name, value in said.items()}
    sys.stdout.writelines(f"{name}{between}{value}\n" for name, value in said.items())


def money(cost: Mapping[str, Any] | None, in_doubt: Sequence[Mapping[str, Any]] = ()) -> str | None:
    """Return what a task cost as text: `~` before what may still change; None: nobody named a price.

    What may have been paid beside it (*in_doubt*) stands behind it: `0.20 CNY +0.40?`.
    """
    if cost is None:
        return None
    if in_doubt:
        possible = (
            f" +{each['amount']}?" + (f" {each['currency']}" if each["currency"] != cost["currency"] else "")
            for each in in_doubt
        )
        return f"{cost['amount']} {cost['currency']}{''.join(possible)}"
    return f"{'~' if cost['estimated'] else ''}{cost['amount']} {cost['currency']}"


def age(moment: str | None) -> str | None:
    """Return how long ago a moment was on a terminal, and the moment itself elsewhere."""
    if moment is None or not sys.stdout.isatty():
        return moment
    passed_s = (datetime.now(UTC) - datetime.fromisoformat(moment.replace("Z", "+00:00"))).total_seconds()
    size_s, unit = next((span for span in _SPANS if abs(passed_s) >= span[0]), (1, "s"))
    return f"{round(abs(passed_s) / size_s)} {unit} {'ago' if passed_s >= 0 else 'from now'}"
