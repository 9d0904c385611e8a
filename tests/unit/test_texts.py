"""Every text a user reads, in both languages."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import re
from collections import Counter
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
