"""Each file of others in the wheel is what was published, and its terms go with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from release.licences import ALLOWED, ROOT
from release.vendored import FOLDERS, PATH, Vendored, texts_of, third_party, vendored

WRITTEN_HERE = {"start.js"}
FILES = vendored()


def _named(files: Sequence[Vendored]) -> list[str]:
    return [each.name for each in files]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_script_and_sheet_is_told(folder: Path) -> None:
    """Nobody adds one without saying whose it is."""
    found = {path.name for path in folder.iterdir() if path.suffix in (".js", ".css")}
    assert found - WRITTEN_HERE == set(_named([each for each in FILES if each.folder == folder]))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_file_is_intact_and_its_terms_are_there(file: Vendored) -> None:
    """By the hash of what was published; the licence is one that we take, and its text lies beside the file."""
    assert file.is_intact
    assert file.licence in ALLOWED
    assert any(
        "Permission is hereby granted" in (text := path.read_text()) or "Apache License" in text
        for path in texts_of(file.package)
    )


def test_list_of_terms_is_fresh() -> None:
    """`python -m release.vendored` writes it anew."""
    assert PATH.read_text() == third_party()


def test_no_other_place_has_files_of_others() -> None:
    """A copied library says so in its first lines."""
    written = [path for path in (ROOT / "server").rglob("*.js") if path.parent not in FOLDERS]
    assert [
        path.name for path in written if "@license" in path.read_text() or "Copyright" in path.read_text()
    ] == []
