"""The studio's modules as they are sent: without their comments, and with their lines."""

from __future__ import annotations

import re

import pytest

from danqing_server.doors.studio_files import FOLDER, read_studio

FILES = read_studio().files
MODULES = sorted(name for name in FILES if name.startswith("js/"))


class TestSent:
    @pytest.mark.parametrize("name", MODULES)
    def test_comments_stay_and_lines_keep_their_numbers(self, name: str) -> None:
        """Every line that is sent is a line of the file at its place, not indented; what a comment was is empty."""
        written = (FOLDER / name).read_text().split("\n")
        sent = FILES[name].body.decode().split("\n")
        assert len(sent) == len(written)
        for one, other in zip(sent, written, strict=True):
            code = re.sub(r"/\*\* @(?:type|param)[^\n]*?\*/ ?", "", other).lstrip(" ")
            assert one == code or (one == "" and re.match(r"\s*(/\*)?\*", other)), other
        assert "/** @" not in FILES[name].body.decode()

    def test_what_is_vendored_stays_as_it_came(self) -> None:
        """To the byte."""
        vendored = [name for name in FILES if name.startswith("vendor/")]
        assert vendored
        assert all(FILES[name].body == (FOLDER / name).read_bytes() for name in vendored)
