"""Every text a user reads, in both languages."""

from __future__ import annotations

import ast
import gc
import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import danqing_plugins
import danqing_providers
import danqing_server
from danqing_plugins import Message

CHINESE = re.compile(r"[\u4e00-\u9fff]")
ENGLISH_WORD = re.compile(r"\b(?:a|an|the|is|are|was|must|may|not|of|to|be|with|and|or|at most|known|unknown)\b")


def _catalogue() -> list[Message]:
    """Return every message of the three packages."""
    for package in (danqing_plugins, danqing_providers, danqing_server):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found = {thing for thing in gc.get_objects() if type(thing) is Message}
    return sorted(
        (each for each in found if not each.key.startswith("test.")), key=lambda each: (each.key, each.en)
    )


CATALOGUE = _catalogue()


class TestCatalogue:
    """U3: no message lacks a language."""

    def test_there_is_one(self) -> None:
        """The search finds what it should."""
        assert {"required", "too_long", "user_full", "validation_failed"} <= {message.key for message in CATALOGUE}

    def test_keys_are_words_of_their_own(self) -> None:
        """A program can branch on them."""
        assert [key for key, count in Counter(message.key for message in CATALOGUE).items() if count > 1] == []
        assert all(re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)?", message.key) for message in CATALOGUE)

    @pytest.mark.parametrize("message", CATALOGUE, ids=lambda message: message.key)
    def test_each_speaks_both(self, message: Message) -> None:
        """With the same values; the Chinese holds Chinese, and no English sentence."""
        fields = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (message.en, message.zh)]
        assert fields[0] - fields[1] <= {"reason"}  # a library's word
        assert fields[1] <= fields[0]
        assert CHINESE.search(message.zh)
        assert not CHINESE.search(message.en)
        assert not ENGLISH_WORD.search(re.sub(r"\{\w+\}|`[^`]*`", "", message.zh))


FIRST = {
    *("InvalidRequest", "ContentRejected", "RateLimited", "Unavailable", "OutcomeUnknown", "AccountProblem"),
    *("PluginError", "PictureRejected", "SourceUnavailable", "Overloaded", "Conflict", "unreadable", "meaning_of"),
}
"""What is called with a text for users as its first argument."""
NAMED = {"Problem": "message", "TaskError": "message", "ChosenSize": "note"}
SECOND = {"refuse", "_error", "report"}
ROOTS = [Path(package.__path__[0]) for package in (danqing_server, danqing_providers, danqing_plugins)]
SOURCES = [
    path
    for root in ROOTS
    for path in sorted(root.rglob("*.py"))
    if "sandbox" not in path.parts and path.name not in ("testing.py", "recording.py")
]


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _said(call: ast.Call) -> ast.expr | None:
    """Return the argument of *call* that a user will read, None when it is of no such kind."""
    name = _name(call)
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in NAMED:
        return named.get(NAMED[name])
    if name in FIRST:
        place = 1 if name == "meaning_of" else 0
        return call.args[place] if len(call.args) > place else None
    return call.args[1] if name in SECOND and len(call.args) > 1 else None


def _monolingual(function: ast.AST) -> Iterator[ast.expr]:
    """Yield the texts for users that stand in *function* as a string, or as a name that was given one."""
    nodes = list(ast.walk(function))
    strings = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and _is_string(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in nodes:
        said = _said(node) if isinstance(node, ast.Call) else None
        if said is not None and (_is_string(said) or (isinstance(said, ast.Name) and said.id in strings)):
            yield said


def _is_string(value: ast.expr) -> bool:
    if isinstance(value, ast.IfExp):
        return _is_string(value.body) or _is_string(value.orelse)
    return isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and isinstance(value.value, str))


def _functions(source: str) -> Iterator[ast.AST]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


class TestSources:
    """U3: no text for users is written down in one language only."""

    def test_the_search_finds_them(self) -> None:
        """Literal, formatted, or by way of a name."""
        source = """
def one(fields):
    fields.refuse("size", "too large")
    message = f"{fields} is odd"
    raise Conflict(message, code="x")
    raise Conflict(FINE(a=1))
"""
        assert len([said for function in _functions(source) for said in _monolingual(function)]) == 2

    @pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.stem}")
    def test_every_text_for_users_is_a_message(self, path: Path) -> None:
        """Whoever adds one gives it both languages."""
        found = [said for function in _functions(path.read_text()) for said in _monolingual(function)]
        assert [f"{path.name}:{said.lineno}: {ast.unparse(said)}" for said in found] == []
