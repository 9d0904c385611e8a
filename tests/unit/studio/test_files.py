"""The studio's files: what is vendored is what was published, what is written keeps the house's rules."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
from graphlib import TopologicalSorter
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from danqing_plugins.catalogue import OutputKind, Price
from danqing_server.doors.studio_files import read_studio
from danqing_server.doors.studio_texts import texts_of
from tests.support import typescript

ROOT = Path(__file__).parents[3]
STUDIO = ROOT / "server" / "danqing_server" / "studio"
TYPES = ROOT / "tests" / "types"
VENDORED = json.loads((STUDIO / "vendor" / "versions.json").read_text())
LOCKED = json.loads((TYPES / "package-lock.json").read_text())["packages"]
SOURCES = sorted((STUDIO / "js").rglob("*.js"))
TEXTS = [path for path in SOURCES if path.name.endswith("texts.js")]
STYLES = sorted((STUDIO / "css").rglob("*.css"))
_USED = re.compile(r"\bt\(\s*'([\w.]+)'")
_IMPORTED = re.compile(r"\b(?:from|import)\s*\(?\s*'(\.[^']+)'")
_VALUE = re.compile(r"\{(\w+)")


def texts() -> dict[str, tuple[str, str]]:
    """Return every text by its key: English, Chinese; all as JavaScript writes them."""
    found: dict[str, tuple[str, str]] = {}
    for path in TEXTS:
        for key, said in texts_of(path.read_text()):
            assert key not in found, f"{key} is there twice"
            found[key] = said
    return found


def _code_of(path: Path) -> str:
    """Return a module without its comments."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.S)


class TestModules:
    def test_no_circle(self) -> None:
        """No module leads back to itself, be it fetched at once or when it is wanted."""
        graph = {path: [_found(path, name) for name in _IMPORTED.findall(_code_of(path))] for path in SOURCES}
        order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
        assert set(SOURCES) <= set(order)


def _found(path: Path, name: str) -> Path:
    return (path.parent / name).resolve()


class TestVendored:
    def test_every_file_is_accounted_for(self) -> None:
        """Nobody adds a library without saying which."""
        assert {path.name for path in (STUDIO / "vendor").glob("*.js")} == set(VENDORED)

    @pytest.mark.parametrize("name", VENDORED)
    def test_bytes_are_those_of_the_lock(self, name: str) -> None:
        """What runs is what was published, unmodified, in the version that the types are of."""
        told = VENDORED[name]
        body = (STUDIO / "vendor" / name).read_bytes()
        assert base64.b64encode(hashlib.sha512(body).digest()).decode() == told["sha512"]
        locked = LOCKED[f"node_modules/{told['package']}"]
        assert (locked["version"], locked["integrity"]) == (told["version"], told["package_integrity"])
        published = TYPES / "node_modules" / told["package"] / told["path"]
        if published.exists():  # npm compared these with the lock when it fetched them
            assert published.read_bytes() == body


class TestSources:
    def test_types_of_the_api_are_fresh(self) -> None:
        """They say what the server says; `python -m tests.support.typescript` writes them anew."""
        assert typescript.PATH.read_text() == typescript.declarations()

    @pytest.mark.parametrize("path", [*SOURCES, *STYLES], ids=lambda path: str(path.relative_to(STUDIO)))
    def test_file_is_short(self, path: Path) -> None:
        """A file is a room with one purpose; texts are a list, and may be longer."""
        assert path.name == "texts.js" or len(path.read_text().splitlines()) <= 300

    @pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
    def test_colours_come_from_the_tokens(self, path: Path) -> None:
        """Light and dark agree in one file alone."""
        if path.name != "tokens.css":
            assert re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(|\boklch\(", path.read_text()) == []

    @pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(STUDIO)))
    def test_no_text_spans_lines(self, path: Path) -> None:
        """Lines are sent without their indentation, which would be part of it."""
        assert [line for line in _code_of(path).splitlines() if line.count("`") % 2] == []

    def test_every_text_that_is_used_is_there(self) -> None:
        """In both languages, with the same values."""
        found = texts()
        used = {f"'{key}'" for path in SOURCES for key in _USED.findall(_code_of(path))}
        assert sorted(used - set(found)) == []
        for key, (english, chinese) in found.items():
            assert len(english) > len("''"), key
            assert len(chinese) > len("''"), key
            assert set(_VALUE.findall(english)) == set(_VALUE.findall(chinese)), key

    @pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(STUDIO)))
    def test_texts_are_read_whole(self, path: Path) -> None:
        """Only entries are sent: a line that is none, or one written another way, would be lost."""
        source = path.read_text()
        assert source.count("': [") == len(list(texts_of(source)))
        assert len(re.findall(r"\b(?:import|export)\b", _code_of(path))) == 1

    def test_every_unit_of_a_price_has_words(self) -> None:
        """By the output it is told as what the output is (`doors.native.providers`)."""
        told = {*get_args(get_type_hints(Price)["unit"]), *OutputKind} - {"output"}
        assert {f"'unit.{each}'" for each in told} <= set(texts())

    def test_no_text_stands_outside_of_the_texts(self) -> None:
        """What is Chinese in other files would be so for everybody; the seal and a language's own name are."""
        for path in SOURCES:
            if path not in TEXTS:
                assert re.findall(r"[\u4e00-\u9fff]+", _code_of(path)) in ([], ["丹青"], ["中文"]), path


class TestServing:
    def test_every_import_is_there(self) -> None:
        """A module that is missing is found before a browser does."""
        files = read_studio()
        for name, file in files.files.items():
            if name.startswith("js/"):
                folder = Path(name).parent
                for imported in re.findall(r"""(?:from|import\()\s*['"](\.[^'"]+)['"]""", file.body.decode()):
                    if imported.endswith(".js"):
                        path = (STUDIO / folder / imported).resolve()
                        assert path.exists(), f"{name} imports {imported}"

    def test_hash_follows_the_files(self, tmp_path: Path) -> None:
        """A file that changes gives all of them another address, and the page knows it."""
        (tmp_path / "index.html").write_text('<script type="importmap">{}</script>{base}{preloads}')
        (tmp_path / "js").mkdir()
        (tmp_path / "js" / "main.js").write_text("import './other.js';\n")
        (tmp_path / "js" / "other.js").write_text("1\n")
        first = read_studio(folder=tmp_path)
        assert read_studio(first, tmp_path) is first
        (tmp_path / "js" / "other.js").write_text("22\n")
        second = read_studio(None, tmp_path)
        assert second.version != first.version
        page = second.page("create", "en").body.decode()
        assert f'href="/studio/v/{second.version}/js/other.js"' in page
        assert first.page("create", "en").etag != second.page("create", "en").etag

    def test_file_that_an_older_one_replaces_is_another(self, tmp_path: Path) -> None:
        """An archive keeps the times of what it holds: what is put there last need not be the youngest."""
        (tmp_path / "js").mkdir()
        changed = tmp_path / "js" / "main.js"
        changed.write_text("1\n")
        os.utime(changed, (2, 2))
        (tmp_path / "index.html").write_text("")
        first = read_studio(folder=tmp_path)
        changed.write_text("2\n")
        os.utime(changed, (1, 1))
        second = read_studio(first, tmp_path)
        assert second.files["js/main.js"].body == b"2\n"

    def test_files_that_are_away_for_a_moment_are_still_known(self, tmp_path: Path) -> None:
        """An upgrade takes them all away and puts others there, while the server runs."""
        folder = tmp_path / "studio"
        folder.mkdir()
        (folder / "index.html").write_text("")
        (folder / "main.js").write_text("1\n")
        known = read_studio(folder=folder)
        (folder / "index.html").unlink()
        assert read_studio(known, folder) is known
        shutil.rmtree(folder)
        assert read_studio(known, folder) is known
        with pytest.raises(FileNotFoundError):
            read_studio(folder=folder)
