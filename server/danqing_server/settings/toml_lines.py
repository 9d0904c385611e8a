"""On which line of a TOML text each table and key stands, which `tomllib` does not tell.

The text is known to be valid TOML. Keys inside of inline tables and arrays are not told apart: they stand on the
line of the key that the whole value belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import attrs

__all__ = ["Lines", "Path", "lines_of"]

Path = tuple[str | int, ...]
"""Where something stands: keys, and the number (from 0) of a table in an array: `("providers", 1, "name")`."""

_PART = r"(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|[A-Za-z0-9_-]+)"
_DOTTED = rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*"
_ARRAY_HEADER = re.compile(rf"\s*\[\[{_DOTTED}\]\]")
_HEADER = re.compile(rf"\s*\[{_DOTTED}\]")
_KEY = re.compile(rf"{_DOTTED}=")
# What may open, close or hide a bracket or a quote: multi-line quotes first, then whole strings, then a comment.
_TOKEN = re.compile(r"\"\"\"|'''|\"(?:[^\"\\]|\\.)*\"|'[^']*'|#|[\[{]|[\]}]")


@attrs.frozen
class Lines:
    """The lines (from 1) by path."""

    by_path: Mapping[Path, int]

    def of(self, *path: str | int) -> int:
        """Return the line of *path*, or of the nearest thing around it that has one; 1 when nothing has."""
        while path:
            if path in self.by_path:
                return self.by_path[path]
            path = path[:-1]
        return 1


def lines_of(text: str) -> Lines:
    """Return where everything stands in *text*."""
    scan = _Scan()
    for number, line in enumerate(text.split("\n"), start=1):
        scan.read(number, line)
    return Lines(scan.found)


@attrs.define
class _Scan:
    """`quote` is the multi-line quote that the next line begins in, `depth` how many brackets are open."""

    found: dict[Path, int] = attrs.field(factory=dict)
    table: Path = ()
    arrays: dict[Path, int] = attrs.field(factory=dict)
    quote: str | None = None
    depth: int = 0

    def read(self, number: int, line: str) -> None:
        """Note what begins on *line*, and what stays open after it."""
        rest = line
        if self.quote is None and not self.depth:
            rest = self._begin(number, line)
        self._go_on(rest)

    def _begin(self, number: int, line: str) -> str:
        """Note a header or a key; return what of the line is value."""
        if header := _ARRAY_HEADER.match(line):
            path = self._resolved(_parts(header[1]))
            index = self.arrays[path] = self.arrays.get(path, -1) + 1
            self.table = (*path, index)
            self.found.setdefault(path, number)
            self.found[self.table] = number
            return ""
        if header := _HEADER.match(line):
            self.table = self._resolved(_parts(header[1]))
            self.found.setdefault(self.table, number)
            return ""
        key = _KEY.match(line)
        if key is None:
            return ""
        path = self.table
        for part in _parts(key[1]):
            path = (*path, part)
            self.found.setdefault(path, number)
        return line[key.end() :]

    def _resolved(self, parts: Sequence[str]) -> Path:
        """Return the path of a header: what lies in an array lies in the last table of it."""
        path: Path = ()
        for place, part in enumerate(parts):
            path = (*path, part)
            if path in self.arrays and place < len(parts) - 1:
                path = (*path, self.arrays[path])
        return path

    def _go_on(self, rest: str) -> None:
        at = 0
        while True:
            if self.quote is not None:
                at = _end_of(self.quote, rest, at)
                if at < 0:
                    return
                self.quote = None
            token = _TOKEN.search(rest, at)
            if token is None or token[0] == "#":
                return
            at = token.end()
            if token[0] in ('"""', "'''"):
                self.quote = token[0]
            elif token[0] in "[{":
                self.depth += 1
            elif token[0] in "]}":
                self.depth -= 1


def _end_of(quote: str, text: str, at: int) -> int:
    """Return the place behind the end of a multi-line string, -1 when it goes on after this line."""
    while at < len(text):
        if text[at] == "\\" and quote == '"""':
            at += 2
        elif text.startswith(quote, at):
            at += 3
            while text.startswith(quote[0], at):  # quotes that belong to the string stand before its end
                at += 1
            return at
        else:
            at += 1
    return -1


def _parts(dotted: str) -> Sequence[str]:
    return [_unquoted(part) for part in re.findall(_PART, dotted)]


def _unquoted(part: str) -> str:
    if part.startswith("'"):
        return part[1:-1]
    if part.startswith('"'):
        return re.sub(r"\\(.)", r"\1", part[1:-1])
    return part
