"""What the sandbox reads in a prompt: how many pictures, and which shape.

The real models decide both by themselves; here they are found by words, so that a test can foresee them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["named_count", "named_ratio", "prompt_hash", "unnamed_count"]

_CHINESE: Final[Mapping[str, int]] = MappingProxyType(
    {character: number for number, character in enumerate("一二三四五六七八九十", start=1)} | {"两": 2}
)
_ENGLISH_WORDS: Final = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight"),
    *("nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen"),
)
_ENGLISH: Final[Mapping[str, int]] = MappingProxyType(
    {word: number for number, word in enumerate(_ENGLISH_WORDS, start=1)}
)
_CHINESE_COUNT: Final = re.compile(r"(\d{1,2}|十?[一二两三四五六七八九]|十)\s*[张幅]")
_ENGLISH_COUNT: Final = re.compile(
    r"\b(\d{1,2}|"
    + "|".join(_ENGLISH)
    + r")\s+(?:\w+\s+)?(?:images?|pictures?|photos?|illustrations?|paintings?)\b",
    re.IGNORECASE,
)
_RATIO: Final = re.compile(r"(?<!\d)(1:1|4:3|3:4|3:2|2:3|16:9|9:16|21:9|9:21)(?!\d)")
_SHAPE_WORDS: Final[Mapping[str, float]] = MappingProxyType(
    {"竖版": 9 / 16, "竖屏": 9 / 16, "竖幅": 9 / 16, "portrait": 3 / 4, "vertical": 9 / 16}
    | {"横版": 16 / 9, "横屏": 16 / 9, "横幅": 16 / 9, "horizontal": 16 / 9, "方形": 1.0, "square": 1.0}
)


def prompt_hash(prompt: str) -> str:
    """Return the SHA-256 of *prompt* in hexadecimal."""
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()


def named_count(prompt: str) -> int | None:
    """Return the number of pictures that *prompt* names ("4张", "四幅", "four images"); None without one."""
    if found := _CHINESE_COUNT.search(prompt):
        return _chinese_number(found[1])
    if found := _ENGLISH_COUNT.search(prompt):
        word = found[1].lower()
        return _ENGLISH.get(word) or _at_least_one(word)
    return None


def _chinese_number(word: str) -> int:
    if word.isascii():
        return _at_least_one(word)
    if word.startswith("十"):
        return 10 + (_CHINESE[word[1]] if len(word) > 1 else 0)
    return _CHINESE[word]


def _at_least_one(digits: str) -> int:
    return max(1, int(digits))


def unnamed_count(prompt: str, most: int) -> int:
    """Return how many pictures a group makes when the prompt names no number: 1 to *most*, by its hash."""
    return 1 + int(prompt_hash(prompt)[:8], 16) % most


def named_ratio(prompt: str) -> float | None:
    """Return the width over height that *prompt* names ("16:9", "竖版"); None without one."""
    if found := _RATIO.search(prompt.replace("：", ":")):
        width, height = found[1].split(":")
        return int(width) / int(height)
    lowered = prompt.lower()
    return next((ratio for word, ratio in _SHAPE_WORDS.items() if word in lowered), None)
