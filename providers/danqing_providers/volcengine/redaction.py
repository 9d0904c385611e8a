"""What a user may read of a message from Ark: no address, no picture data, no key, nothing of the prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

__all__ = ["LONGEST_MESSAGE", "readable"]

LONGEST_MESSAGE: Final = 500
LONGEST_READ: Final = 4000
WINDOW: Final = 12
WIDE_WINDOW: Final = 4
"""How many characters in common with the prompt give it away; fewer of Chinese than of letters."""

_DATA = re.compile(r"data:[\w.+-]+/[^\s\"'<>]*", re.IGNORECASE)
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>]*", re.IGNORECASE)
_SIGNATURE = re.compile(r"\bX-Tos-[\w-]+=\S*", re.IGNORECASE)
_REQUEST_ID = re.compile(r"[\s.]*\bRequest id:\s*[\w-]+\.?", re.IGNORECASE)
_QUOTED = re.compile(r"\"([^\"]{2,})\"|'([^']{2,})'|“([^”]{2,})”|「([^」]{2,})」")


def readable(message: str, *, secret: str = "", prompt: str = "") -> str:
    """Return *message* without URLs, data URIs, the key *secret* and pieces of *prompt*, and not too long."""
    text = message[:LONGEST_READ]
    if secret:
        text = text.replace(secret, "<key>")
    for pattern, shown in ((_DATA, "<data>"), (_ADDRESS, "<url>"), (_SIGNATURE, "<url>"), (_REQUEST_ID, "")):
        text = pattern.sub(shown, text)
    text = _without_prompt(text, prompt)
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"


def _without_prompt(text: str, prompt: str) -> str:
    needle = prompt.strip()
    if len(needle) < 2:
        return text
    if len(needle) >= WIDE_WINDOW:
        text = text.replace(needle, "<prompt>")
    text = _QUOTED.sub(lambda found: '"<prompt>"' if _quoted(found) in prompt else found[0], text)
    pieces: list[str] = []
    end = 0
    for start, stop in _common(text, prompt):
        pieces += [text[end:start], "<prompt>"]
        end = stop
    return "".join([*pieces, text[end:]])


def _quoted(found: re.Match[str]) -> str:
    return next(group for group in found.groups() if group is not None)


def _common(text: str, prompt: str) -> Sequence[tuple[int, int]]:
    """Return where *text* has long pieces of *prompt*, merged and in order."""
    merged: list[tuple[int, int]] = []
    for start, stop in _windows(text, prompt):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], stop)
        else:
            merged.append((start, stop))
    return merged


def _windows(text: str, prompt: str) -> Iterator[tuple[int, int]]:
    for start in range(len(text)):
        for length in (WIDE_WINDOW, WINDOW):
            piece = text[start : start + length]
            wide = length == WINDOW or all(character > "\u2e7f" for character in piece)
            if len(piece) == length and wide and piece in prompt:
                yield start, start + length
                break
