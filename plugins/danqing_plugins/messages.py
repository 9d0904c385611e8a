"""What a task's user reads, in English and Chinese.

A `Message` stands in a module as a constant; a call fills it in. The `Text` that comes of it is an English string,
goes wherever strings go, and is shown to each client in the client's language. A plain string is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs

__all__ = ["Message", "Text", "in_language", "spoken"]

CHINESE = "zh"


class Text(str):
    """A sentence: itself in English, `zh` in Chinese; `key` is the word of its `Message`, empty when unknown."""

    __slots__ = ("key", "zh")

    key: str
    zh: str

    def __new__(cls, en: str, zh: str = "", key: str = "") -> Self:
        """Make one; without *zh* it has no Chinese but the English."""
        text = super().__new__(cls, en)
        text.zh, text.key = zh or str(en), key
        return text


@attrs.frozen(kw_only=True)
class Message:
    """A sentence to be filled in. Both languages hold the same `str.format` fields.

    `key` is a stable word that a program can branch on (`too_long`).
    """

    key: str
    en: str
    zh: str

    def __call__(self, **values: object) -> Text:
        """Fill it in; a value that is a `Text` itself is spoken in each language."""
        spoken = {name: value.zh if isinstance(value, Text) else value for name, value in values.items()}
        return Text(self.en.format(**values), self.zh.format(**spoken), self.key)

    def to(self, language: str) -> str:
        """Return one that has no fields, in *language*."""
        return self.zh if language == CHINESE else self.en


def in_language(text: str, language: str) -> str:
    """Return *text* in *language* when it is a `Text`, else as it is."""
    return text.zh if language == CHINESE and isinstance(text, Text) else str(text)


def spoken(value: Any, language: str) -> Any:
    """Return a copy of *value* (JSON) with every `Text` in it in *language*."""
    if isinstance(value, str):
        return in_language(value, language)
    if isinstance(value, Mapping):
        return {key: spoken(each, language) for key, each in value.items()}
    return [spoken(each, language) for each in value] if isinstance(value, list | tuple) else value
