"""The studio's modules as they are sent: without their comments, and with their lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pygments.lexers import JavascriptLexer
from pygments.token import Token

from danqing_server.doors.studio_files import FOLDER, read_studio
from danqing_server.doors.studio_texts import LANGUAGES

FILES = read_studio().files
MODULES = sorted(name for name in FILES if name.startswith("js/") and (FOLDER / name).exists())


def words_of(source: str) -> str:
    """Return a module without its comments, and without spaces but those of its texts."""
    read = JavascriptLexer().get_tokens(source)
    return "".join(
        text if kind in Token.Literal.String else re.sub(r"\s", "", text)
        for kind, text in read
        if kind not in Token.Comment
    )


class TestSent:
    @pytest.mark.parametrize("name", MODULES)
    def test_only_comments_and_spaces_stay_and_lines_keep_their_numbers(self, name: str) -> None:
        """Read by another reader of JavaScript, what is sent has the words and texts that are written."""
        written, sent = (FOLDER / name).read_text(), FILES[name].body.decode()
        assert sent.count("\n") == written.count("\n")
        assert words_of(sent) == words_of(written)
        assert "/** @" not in sent

    def test_signs_lose_the_spaces_beside_them(self, tmp_path: Path) -> None:
        """Not those of texts, patterns and templates, nor of sums and signs of numbers."""
        source = (
            "const a = [ '  b ,  c', \"d = 'e'\" ]; // it's f of ` and /\n"
            "const g = / h = i /.test(`${j} , k`);\n"
            "if (l - -m > 1 && n + +o) p = q / 2;\n"
            "const r = { s : 'http://t' , ...u };\n"
            "const v = `/w/${x.join(', ') || 'a / b'} ( it's )` + y(`${z ? ` ${a}` : ''} ;`, { n : 1 });\n"
            "const b = !/^( |[/ ]+) = $/.test(c) && c !== 'a // b';"
        )
        sent = (
            "const a=['  b ,  c',\"d = 'e'\"];\n"
            "const g = / h = i /.test(`${j} , k`);\n"
            "if(l - -m>1&&n + +o)p=q/2;\n"
            "const r={s:'http://t',...u};\n"
            "const v=`/w/${x.join(', ') || 'a / b'} ( it's )` + y(`${z ? ` ${a}` : ''} ;`,{n:1});\n"
            "const b=!/^( |[/ ]+) = $/.test(c)&&c!=='a // b';"
        )
        (tmp_path / "js").mkdir()
        (tmp_path / "js" / "one.js").write_text(source)
        (tmp_path / "css").mkdir()
        (tmp_path / "css" / "one.css").write_text(".a > b:hover, c { /* d */\n  e: calc(1px - 2px) f;\n}\n")
        (tmp_path / "index.html").write_text("")
        files = read_studio(folder=tmp_path).files
        assert files["js/one.js"].body.decode() == sent
        assert files["css/studio.css"].body.decode() == ".a>b:hover,c{e:calc(1px - 2px) f;}"

    def test_styles_are_one_file(self, tmp_path: Path) -> None:
        """What all have comes first, so that a room may say otherwise."""
        (tmp_path / "css" / "places").mkdir(parents=True)
        for name in ("places/a", "aside", "ui", "base", "tokens"):
            (tmp_path / "css" / f"{name}.css").write_text(f".{name.replace('/', '-')} {{ b: c; }}\n")
        (tmp_path / "index.html").write_text("")
        files = read_studio(folder=tmp_path).files
        style = files["css/studio.css"].body.decode()
        assert re.findall(r"\.([\w-]+)\{", style) == ["tokens", "base", "ui", "aside", "places-a"]
        assert [name for name in files if name.endswith(".css")] == ["css/studio.css"]

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
