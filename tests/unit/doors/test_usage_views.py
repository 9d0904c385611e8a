"""Usage as a table: what a spreadsheet makes of names that clients chose."""

from __future__ import annotations

import csv
import io

import pytest

from danqing_server.doors.usage_views import csv_of
from danqing_server.store.usage import Dimension, UsageRow


def _cell_of(name: str) -> str:
    text = csv_of([Dimension.USER], [UsageRow(values=(name,), currency="CNY")])
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    return row["user"]


class TestCells:
    @pytest.mark.parametrize(
        "name", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1+1", "＋1", "－1", "＠SUM(A1)", "﹦1", "﹢1"]
    )
    def test_no_name_is_a_formula(self, name: str) -> None:
        """In ASCII, nor in the full width and small forms that spreadsheets of East Asia take alike."""
        assert _cell_of(name) == f"'{name}"

    @pytest.mark.parametrize("name", ["\t=1+1", "\rname", "\nname", "\tname", " =1+1", "\u3000＝1"])
    def test_nor_what_stands_behind_a_blank(self, name: str) -> None:
        """A tab and the ends of lines may be dropped by who reads the file, and so may blanks."""
        assert _cell_of(name) == f"'{name}"

    @pytest.mark.parametrize("name", ["", "u1", "a=b", "山谷", "１", "'=1", "a-b@example.com"])
    def test_other_names_stay_as_they_are(self, name: str) -> None:
        """They are the same words as in the JSON."""
        assert _cell_of(name) == name
