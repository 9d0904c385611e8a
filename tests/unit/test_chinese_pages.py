"""Each Chinese page says what its English page says: code, headings, tables, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.rglob("*.zh.md"))
README = DOCS.parent / "README.zh-CN.md"
ONLY_ENGLISH = ("decisions/", "architecture.md")
"""For developers of danqing itself."""

_FENCE = re.compile(r"^ *```.*?^ *```[^\n]*$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?: {4}[^\n]*\n+)+", re.MULTILINE)
_COMMENT = re.compile(r"^\s*(?:#|//) .*|\s+(?:#|//) .*|\s+$", re.MULTILINE)
_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
_FIGURE = re.compile(r"\d(?:[\d,.]*\d)?")
_LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")


def _english(page: Path) -> Path:
    return page.with_name(page.name.replace(".zh.md", ".md"))


def _name(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


def _blocks(text: str) -> list[str]:
    """Return the code of a page without its comments, which are translated."""
    fences = _FENCE.findall(text)
    found = fences + _INDENTED.findall(_FENCE.sub("", text))
    return [_COMMENT.sub("", block).strip() for block in found]


def _prose(text: str) -> str:
    return _INDENTED.sub("", _FENCE.sub("", text))


def _anchors(text: str) -> list[str]:
    """Return what headings are called in links: their `<a id>`, or the words themselves as GitHub joins them.

    A `{ #name }` would be no name but on our site: elsewhere it stands among the heading's words.
    """
    anchors = []
    for _, title in _HEADING.findall(_prose(text)):
        named = re.search(r'<a id="([\w-]+)"></a>$', title)
        words = re.sub(r"[^\w\s-]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)).strip().lower()
        anchors.append(named[1] if named else re.sub(r"\s+", "-", words))
    return anchors


def _tables(text: str) -> list[int]:
    """Return the number of rows of each table, its head among them."""
    return [len(table.splitlines()) for table in re.findall(r"(?:^\|.*\n?)+", _prose(text), re.MULTILINE)]


def _figures(text: str) -> list[set[str]]:
    """Return the figures in each row of the tables, but for those in what links lead to."""
    rows = (line for line in _prose(text).splitlines() if line.startswith("|"))
    return [set(_FIGURE.findall(_LINK.sub("", row))) for row in rows]


@pytest.mark.parametrize("page", PAGES, ids=_name)
class TestPage:
    """When one of these fails, the English page was changed: change the Chinese one beside it likewise."""

    def test_code_is_the_same(self, page: Path) -> None:
        """But for comments."""
        theirs, ours = _blocks(_english(page).read_text()), _blocks(page.read_text())
        assert ours == theirs, f"{_name(page)}: code differs from {_english(page).name}"

    def test_headings_have_the_levels_and_anchors(self, page: Path) -> None:
        """So that a link into the one leads to the same place of the other."""
        english, chinese = _english(page).read_text(), page.read_text()
        levels = [[level for level, _ in _HEADING.findall(_prose(text))] for text in (english, chinese)]
        assert levels[1] == levels[0], f"{_name(page)}: headings differ from {_english(page).name}"
        assert _anchors(chinese)[1:] == _anchors(english)[1:], f"{_name(page)}: a heading's <a id> differs"

    def test_tables_have_as_many_rows(self, page: Path) -> None:
        """A row that is added in English is missed here."""
        theirs, ours = _tables(_english(page).read_text()), _tables(page.read_text())
        assert ours == theirs, f"{_name(page)}: rows of tables differ from {_english(page).name}"

    def test_rows_have_the_figures(self, page: Path) -> None:
        """A price, a limit or a measurement that changes in English is missed here."""
        theirs, ours = _figures(_english(page).read_text()), _figures(page.read_text())
        wrong = [(there - here, here - there) for there, here in zip(theirs, ours, strict=False) if here != there]
        assert not wrong, f"{_name(page)}: missing, and not in {_english(page).name}: {wrong}"


@pytest.mark.parametrize("page", [*PAGES, README], ids=lambda page: page.name)
def test_links_lead_to_chinese_pages(page: Path) -> None:
    """Where there is one; and every file and anchor is there."""
    wrong = []
    for target, anchor in _LINK.findall(_prose(page.read_text())):
        if "://" in target:
            continue
        place = (page.parent / target).resolve() if target else page
        if not place.exists():
            wrong.append(f"{target} is not there")
        elif place.suffix == ".md" and anchor and anchor not in _anchors(place.read_text()):
            wrong.append(f"{target}#{anchor} is not there")
        if place.with_suffix(".zh.md").is_file() and not target.endswith(".zh.md"):
            wrong.append(f"{target} has a Chinese page")
    assert not wrong, f"{page.name}: {wrong}"
