"""What `make bench` writes into the pages: the same figures in both languages, and no remark lost."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.bench.plan import STAGES
from tests.bench.report import COLUMNS, Report, Row
from tests.bench.stages import Measured
from tests.unit import test_chinese_pages
from tests.unit.test_chinese_pages import DOCS

PAGES = ("performance.md", "performance.zh.md")
DETAILS = {"submit_p99_ms": 12.5, "in_flight": 5000}


@pytest.fixture
def report() -> Report:
    """A run of three turns, in which everybody took part in everything."""
    names = [stage.name for stage in STAGES if stage.name != "size"]
    names += [f"size_{what}_{count}" for what in ("submit", "reserve", "poll") for count in (10_000, 1_000_000)]
    made = Report(
        machine={
            "cpu": "a processor",
            "cores": 2,
            "memory_gib": 8,
            "system": "Linux 6",
            "python": "3.11",
            "packages": {"sanic": "25"},
        },
        client="wrk",
        quick=False,
        rounds=3,
        began_at=datetime(2030, 1, 2, tzinfo=UTC),
        took_s=125,
    )
    made.rows += [
        Row(stage=name, contender=who, turn=turn, measured=_measured(number * 37.5 + turn + len(who)))
        for number, name in enumerate(names, 1)
        for who in COLUMNS
        for turn in range(3)
    ]
    return made


def _measured(value: float) -> Measured:
    return Measured(value=value, details=DETAILS)


@pytest.fixture
def pages(report: Report, tmp_path: Path) -> Path:
    """A folder with both pages, after the run."""
    for name in PAGES:
        shutil.copy(DOCS / name, tmp_path)
        report.write_into(tmp_path / name)
    return tmp_path


def test_both_pages_have_the_figures(pages: Path) -> None:
    """As the test of the Chinese pages wants them."""
    page = pages / "performance.zh.md"
    assert "| 提交 |" in page.read_text()
    same = test_chinese_pages.TestPage()
    same.test_tables_have_as_many_rows(page)
    same.test_rows_have_the_figures(page)


@pytest.mark.parametrize("name", PAGES)
def test_the_run_is_told_once(pages: Path, name: str) -> None:
    """In the place of the one before."""
    text = (pages / name).read_text()
    assert text.count("2030-01-02") == 1
    assert "2 min 5 s" in text
    assert "28 min 40 s" not in text


@pytest.mark.parametrize("name", PAGES)
def test_what_people_wrote_stays(pages: Path, name: str) -> None:
    """All but the sentence about the run, and the table."""
    old, new = (
        re.sub(r"^(\||Measured|测于).*\n", "", (folder / name).read_text(), flags=re.MULTILINE)
        for folder in (DOCS, pages)
    )
    assert new == old


@pytest.mark.parametrize("name", PAGES)
def test_written_twice_it_is_the_same(report: Report, pages: Path, name: str) -> None:
    """Nothing gathers."""
    before = (pages / name).read_text()
    report.write_into(pages / name)
    assert (pages / name).read_text() == before
