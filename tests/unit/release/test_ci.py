"""The machine makes a release of every change, and tries it."""

from __future__ import annotations

import re

from release.licences import ROOT

RUN = (ROOT / ".ci" / "run").read_text()
TARGETS = set(re.findall(r"^([\w-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
CALLED = re.findall(r"(?:^|&& |\{ )(?:make|passes) ([\w-]+)", RUN, re.MULTILINE)


def test_what_is_called_is_there() -> None:
    """A target that was renamed would stop everything behind it."""
    assert set(CALLED) <= TARGETS


def test_every_kind_of_test_is_called() -> None:
    """One that nobody runs is red for weeks."""
    assert {name for name in TARGETS if name.startswith("test")} <= set(CALLED)


def test_a_release_is_made_then_tried() -> None:
    """And nothing asks a service that knows of new troubles each day."""
    assert CALLED.index("release") < CALLED.index("try-release")
    assert "audit" not in CALLED
