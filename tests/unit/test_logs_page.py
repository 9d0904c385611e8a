"""docs/logs.md lists every event that the server logs, and no other; its fields have one name each."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "logs.md").read_text()
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
LOGGERS = ("log", "_log", "logger", "_logger")
SECRETS = ("prompt", "secret", "password", "token", "url", "body", "input", "authorization")


@attrs.define
class Event:
    """What the code says of one event, at all its places together."""

    levels: set[str] = attrs.field(factory=set)
    fields: set[str] = attrs.field(factory=set)


@cache
def _events() -> dict[str, Event]:
    found: defaultdict[str, Event] = defaultdict(Event)
    for path in (ROOT / "server" / "danqing_server").rglob("*.py"):
        text = path.read_text()
        if not any(f"{name}." in text for name in LOGGERS):
            continue
        for call in ast.walk(ast.parse(text)):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                for name, level in _logged(call, call.func):
                    found[name].levels.add(level)
                    found[name].fields |= {
                        each.arg for each in call.keywords if each.arg and each.arg != "exc_info"
                    }
    return dict(found)


def _logged(call: ast.Call, said: ast.Attribute) -> Iterator[tuple[str, str]]:
    """Yield the event and the level of a call that logs."""
    logger = ast.unparse(said.value).rpartition(".")[2]
    if logger not in LOGGERS or said.attr not in (*LEVELS, "log"):
        return
    arguments = call.args[1:] if said.attr == "log" else call.args
    level = {"exception": "error", "log": "by case"}.get(said.attr, said.attr)
    for each in _texts(arguments[0]) if arguments else ():
        yield each, level


def _texts(said: ast.expr) -> Iterator[str]:
    if isinstance(said, ast.Constant) and isinstance(said.value, str):
        yield said.value
    elif isinstance(said, ast.IfExp):
        yield from _texts(said.body)
        yield from _texts(said.orelse)
    else:
        raise AssertionError(f"an event that cannot be looked up: {ast.unparse(said)}")


def _rows(title: str) -> dict[str, list[str]]:
    text = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:3] == "| `"
    ]
    return {row[0].strip("`"): row[1:] for row in cells}


class TestEvents:
    def test_every_one_is_told_with_its_levels(self) -> None:
        """Whoever reads a line at night finds what it means; who renames one renames it there."""
        told = {name: set(row[0].split(", ")) for name, row in _rows("Events").items()}

        assert told == {name: event.levels for name, event in _events().items()}

    def test_each_says_what_it_means(self) -> None:
        """In a sentence."""
        assert all(row[1].endswith(".") for row in _rows("Events").values())

    def test_names_are_of_one_form(self) -> None:
        """Words, small, joined by underscores: they are searched for."""
        assert [name for name in _events() if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []


class TestFields:
    def test_every_one_is_told(self) -> None:
        """One name for one thing, wherever it is logged."""
        used = {field for event in _events().values() for field in event.fields}

        assert used - _rows("Fields").keys() == set()

    def test_none_is_for_what_must_not_be_logged(self) -> None:
        """Prompts, keys and addresses with signatures."""
        used = {field for event in _events().values() for field in event.fields}

        assert [field for field in used if any(word in field for word in SECRETS)] == []


class TestSearching:
    @pytest.mark.skipif(shutil.which("jq") is None, reason="jq is missing")
    def test_what_is_no_json_hides_nothing(self) -> None:
        """A unit's journal begins with a line of systemd's, and each start says where the server is."""
        wanted = json.dumps(
            {"event": "account_problem", "task_id": "volcengine_img_…"}, separators=(",", ":"), ensure_ascii=False
        )
        other = json.dumps({"event": "disk_short"})
        journal = f"Started danqing.service - danqing.\n  studio    http://127.0.0.1/\n{other}\n{wanted}\n"
        searches = re.findall(r"^    journalctl -u danqing -o cat \| (.+)$", PAGE, re.MULTILINE)

        assert len(searches) == 2
        for search in searches:
            found = subprocess.run(shlex.split(search), input=journal, capture_output=True, text=True, check=False)
            assert (found.returncode, found.stdout) == (0, f"{wanted}\n"), found.stderr
