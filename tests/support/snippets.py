"""What stands as code on the pages of the documentation: blocks, lines of a terminal, and code between words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

__all__ = ["PAGES", "Snippet", "blocks", "inline", "terminal_lines", "words"]

ROOT: Final = Path(__file__).parents[2]
_FOLDERS: Final = ("docs", "clients", "examples", "tests/fresh")
_FOUND: Final = (*ROOT.glob("*.md"), *(path for folder in _FOLDERS for path in (ROOT / folder).rglob("*.md")))
PAGES: Final = sorted(
    path for path in _FOUND if path.name != "CHANGELOG.md" and not {"decisions", "node_modules"} & set(path.parts)
)
"""Every page but those that tell of a day that has passed."""

_FENCE: Final = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INDENTED: Final = re.compile(r"(?<=\n\n)((?:(?: {4}[^\n]*)?\n)+)")
_INLINE: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_SHELL: Final = ("", "sh", "bash", "console")


@attrs.frozen
class Snippet:
    """Code on a page; `language` is "" where the page names none."""

    page: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text[:60]!r}"


def blocks(*languages: str) -> Iterator[Snippet]:
    """Yield each fenced block of one of *languages*."""
    for path in PAGES:
        for indent, language, text in _FENCE.findall(path.read_text()):
            if language in languages:
                yield Snippet(_name(path), language, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE))


def inline() -> Iterator[Snippet]:
    """Yield what stands as code between words."""
    for path in PAGES:
        for text in _INLINE.findall(_FENCE.sub("", path.read_text())):
            yield Snippet(_name(path), "inline", text)


def terminal_lines() -> Iterator[Snippet]:
    """Yield each line for a shell, continued ones as one, without prompt and comment."""
    for block in (*blocks(*_SHELL), *_indented()):
        text = re.sub(r"\\\n\s*", " ", block.text)
        for line in _whole_lines(text):
            yield Snippet(block.page, block.language, line.strip().removeprefix("$ "))


def words(line: str) -> Sequence[Sequence[str]]:
    """Return the words of each command of a line: pipes, lists and substitutions part them.

    Raises:
        ValueError: a quotation is not closed.
    """
    lexer = shlex.shlex(line.replace("$(", " ; ").replace("`", " "), posix=True, punctuation_chars="|&;<>()")
    lexer.commenters, lexer.whitespace_split = "#", True
    commands: list[list[str]] = [[]]
    skipped = False
    for word in lexer:
        if set(word) <= set("|&;()"):
            commands.append([])
        elif set(word) <= set("<>"):
            skipped = True
        elif skipped:
            skipped = False
        else:
            commands[-1].append(word)
    return [command for command in commands if command]


def _indented() -> Iterator[Snippet]:
    for path in PAGES:
        for text in _INDENTED.findall(_FENCE.sub("", path.read_text())):
            yield Snippet(_name(path), "", re.sub(r"^ {4}", "", text, flags=re.MULTILINE))


def _whole_lines(text: str) -> Iterator[str]:
    """Yield lines, those within a quotation as one."""
    gathered = ""
    for line in text.splitlines():
        gathered += line
        if gathered.replace("\\'", "").count("'") % 2 == 0 or "#" in gathered:
            yield gathered
            gathered = ""
        else:
            gathered += "\n"
    yield gathered


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
