"""The studio's modules as they are sent: without their comments, and with their lines."""

from __future__ import annotations

import re

import pytest

from danqing_server.doors.studio_files import FOLDER, read_studio
from danqing_server.doors.studio_texts import LANGUAGES

FILES = read_studio().files
MODULES = sorted(name for name in FILES if name.startswith("js/") and (FOLDER / name).exists())


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

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_page_has_the_texts_of_its_language_alone(self, language: str) -> None:
        """Of every place together, and those of the settings where it is at them."""
        [other] = {*LANGUAGES} - {language}
        for place, count in (("create", 1), ("settings", 2)):
            page = read_studio().page(place, language).body.decode()
            assert f'<html lang="{language}">' in page
            assert page.count(f"texts.{language}.js") == count
            assert f"texts.{other}.js" not in page
        said = FILES[f"js/texts.{language}.js"].body.decode()
        assert {"en": "'place.create':'Create',", "zh": "'place.create':'创作',"}[language] in said

    def test_what_is_vendored_stays_as_it_came(self) -> None:
        """To the byte."""
        vendored = [name for name in FILES if name.startswith("vendor/")]
        assert vendored
        assert all(FILES[name].body == (FOLDER / name).read_bytes() for name in vendored)
