"""Every distribution that danqing needs has a licence that somebody looked at, and runs on a Debian 12."""

from __future__ import annotations

from importlib import metadata

import pytest
from packaging.specifiers import SpecifierSet

from release.licences import ACCEPTED, UNDER, is_allowed, licence_of, pinned

PINNED = pinned()
OLDEST_PYTHON = "3.11.2"
"""Debian 12's (packages.debian.org/bookworm/python3.11, read 2026-11-29)."""


def _licence(name: str) -> str | None:
    """Return the licence of an installed distribution."""
    told = metadata.metadata(name)
    words, classifiers = told.get("License"), told.get_all("Classifier", [])
    return licence_of(name, told.get("License-Expression"), words, classifiers)


class TestConstraints:
    @pytest.mark.parametrize("name", PINNED)
    def test_licence_is_known_and_allowed(self, name: str) -> None:
        """What this platform does not install is looked at where it is installed."""
        try:
            licence = _licence(name)
        except metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not for this platform")
        assert licence, f"{name} does not say its licence: read it, and write it into UNDER"
        assert is_allowed(name, licence), f"{name} is under {licence}"

    @pytest.mark.parametrize("name", PINNED)
    def test_the_python_of_debian_takes_it(self, name: str) -> None:
        """A version that wants a later one cannot be installed on the machine that README names."""
        try:
            wanted = metadata.metadata(name).get("Requires-Python")
        except metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not for this platform")
        assert OLDEST_PYTHON in SpecifierSet(wanted or ""), f"{name} wants Python {wanted}"

    def test_no_exception_is_left_behind(self) -> None:
        """One that nobody installs any more would excuse whatever takes its name."""
        assert {*UNDER, *ACCEPTED} <= set(PINNED)


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-only", False),
        ("Proprietary", False),
    ],
)
def test_every_part_binds_and_one_alternative_is_enough(expression: str, allowed: bool) -> None:
    """As SPDX reads AND and OR."""
    assert is_allowed("acme", expression) is allowed


@pytest.mark.parametrize(
    ("words", "classifiers", "licence"),
    [
        ("Apache License\n   Version 2.0, January 2004", [], "Apache-2.0"),
        ("MIT License\n\nCopyright (c) 2022 Acme", [], "MIT"),
        ("3-Clause BSD License", [], "BSD-3-Clause"),
        ("UNKNOWN", ["License :: OSI Approved :: MIT License"], "MIT"),
        (
            "GNU General Public License v3",
            ["License :: OSI Approved :: GNU General Public License v3 (GPLv3)"],
            None,
        ),
        (None, [], None),
    ],
)
def test_older_metadata_is_read(words: str | None, classifiers: list[str], licence: str | None) -> None:
    """What is not understood is None, never a guess."""
    assert licence_of("acme", None, words, classifiers) == licence
