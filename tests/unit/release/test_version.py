"""The version stands in pyproject.toml, and what carries it elsewhere carries the same."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from release.licences import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
PLACES = {
    "clients/python/pyproject.toml": r'^version = "(.+)"',
    "clients/python/src/danqing_client/calls.py": r'"danqing-client/([\d.]+)"',
    "docs/webhooks.md": r"^user-agent: danqing-webhooks/(\S+)",
    "docs/operating.md": r"answers, version (\S+)",
}


@pytest.mark.parametrize("path", PLACES)
def test_places_that_name_it_agree(path: str) -> None:
    """Both clients are released with the server, and pages show what this one says."""
    assert re.findall(PLACES[path], (ROOT / path).read_text(), re.MULTILINE) == [VERSION]


def test_javascript_client_agrees() -> None:
    """Its package is of the same release."""
    assert json.loads((ROOT / "clients" / "js" / "package.json").read_text())["version"] == VERSION


def test_changelog_tells_of_it() -> None:
    """Each version has its heading there, and what comes next stands above it."""
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert VERSION in headings
