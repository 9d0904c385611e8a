"""The dashboard and the alerts of deploy/: they ask for what there is, and fire when they should."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from danqing_server.telemetry.families import FAMILIES, Family, Kind

ROOT = Path(__file__).parents[3]
RULES = ROOT / "deploy" / "prometheus" / "danqing.rules.yml"
TESTS = ROOT / "deploy" / "prometheus" / "danqing.rules.test.yml"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "danqing.json").read_text())
BUILT_IN = {"job", "instance", "le"}


def _series(family: Family) -> Iterator[str]:
    if family.kind is Kind.HISTOGRAM:
        yield from (f"{family.full_name}_{part}" for part in ("bucket", "sum", "count"))
    else:
        yield family.full_name


KNOWN = {series: family for family in FAMILIES for series in _series(family)}
GROUPS: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]
RECORDS = {rule["record"]: rule["expr"] for group in GROUPS for rule in group["rules"] if "record" in rule}
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ASKED = [
    *RECORDS.values(),
    *(alert["expr"] for alert in ALERTS),
    *(target["expr"] for panel in PANELS for target in panel["targets"]),
    *(variable["definition"] for variable in DASHBOARD["templating"]["list"] if "definition" in variable),
]


def _selectors(asked: str) -> Iterator[tuple[str, set[str]]]:
    """Yield each metric that is asked for, or recorded, with the labels that it is chosen by."""
    for name, chosen in re.findall(r"\b(danqing[_:][\w:]+)(?:\{([^}]*)\})?", asked):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", chosen))


def _labels_of(name: str) -> set[str]:
    """Return the labels of a metric, or of what is recorded."""
    if name in RECORDS:
        return {label.strip() for label in re.findall(r"\bby \(([^)]*)\)", RECORDS[name])[0].split(",")}
    return set(KNOWN[name].labels)


class TestQueries:
    @pytest.mark.parametrize("asked", ASKED)
    def test_they_ask_for_metrics_that_exist_by_labels_they_have(self, asked: str) -> None:
        """A panel over a name that nobody counts stays empty, and an alert never fires."""
        for name, labels in _selectors(asked):
            assert name in KNOWN or name in RECORDS, name
            assert labels <= {*_labels_of(name), *BUILT_IN}, (name, labels)

    @pytest.mark.parametrize("asked", ASKED)
    def test_they_group_by_labels_that_are_there(self, asked: str) -> None:
        """What is grouped by an unknown label is one heap."""
        there = {label for name, _ in _selectors(asked) for label in _labels_of(name)} | BUILT_IN
        for grouped in re.findall(r"\bby \(([^)]*)\)", asked):
            assert {label.strip() for label in grouped.split(",")} <= there, grouped

    def test_every_metric_is_on_the_dashboard(self) -> None:
        """What nobody looks at need not be counted."""
        seen = {KNOWN[name].name for asked in ASKED for name, _ in _selectors(asked) if name in KNOWN}

        assert {family.name for family in FAMILIES} - seen == set()


class TestAlerts:
    def test_each_says_what_it_is_and_what_to_do(self) -> None:
        """And whether it wakes somebody."""
        for alert in ALERTS:
            assert alert["labels"]["severity"] in ("page", "ticket"), alert["alert"]
            assert {"summary", "do"} == alert["annotations"].keys(), alert["alert"]

    def test_each_is_told_on_the_page(self) -> None:
        """docs/operating.md has a row for every alert, and none for another."""
        told = re.findall(r"^\| `(Danqing\w+)`", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE)

        assert told == [alert["alert"] for alert in ALERTS]


class TestDashboard:
    def test_panels_lie_beside_each_other(self) -> None:
        """None covers another, and ids are each one's own."""
        taken: set[tuple[int, int]] = set()
        for panel in DASHBOARD["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert taken.isdisjoint(cells), panel["title"]
            assert at["x"] + at["w"] <= 24
            taken |= cells
        assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
