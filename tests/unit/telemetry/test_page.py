"""docs/metrics.md agrees with the code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from danqing_server.telemetry.families import COUNTED, FAMILIES, LOOKED, Family, Kind
from danqing_server.telemetry.meters import open_meters

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()


def table(families: Sequence[Family]) -> str:
    """Return the table that documents *families*."""
    rows = ["| Metric | Kind | Labels | Says |", "|---|---|---|---|"]
    for each in families:
        labels = ", ".join(f"`{label}`" for label in each.labels) or "—"
        rows.append(f"| `{each.full_name}` | {each.kind} | {labels} | {each.meaning} |")
    return "\n".join(rows) + "\n"


class TestPage:
    @pytest.mark.parametrize("families", [COUNTED, LOOKED], ids=["counted", "looked up"])
    def test_its_tables_are_all_there_is(self, families: Sequence[Family]) -> None:
        """When this fails, put what `table` returns in the place of the table."""
        assert table(families) in PAGE


class TestFamilies:
    def test_names_say_units_as_prometheus_wants(self) -> None:
        """What only grows ends with `_total`, what is timed with `_seconds`."""
        assert len({each.name for each in FAMILIES}) == len(FAMILIES)
        for each in FAMILIES:
            assert not each.name.endswith("_total")
            assert each.kind is not Kind.HISTOGRAM or each.name.endswith("_seconds")

    def test_prometheus_client_takes_every_one(self) -> None:
        """Reserved labels and names would be refused at the first start with metrics."""
        for family in LOOKED:
            assert family.buckets == ()
        assert open_meters({}).folder is None
