"""What a user may read of a service's message: no address, no picture data, no key, nothing of the prompt.

A word of the message that also stands in the prompt is the message's own: `{"error": …}` stays readable. Cut out
are the prompt itself, pieces of it that are long, and what is quoted of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

__all__ = ["LONGEST_MESSAGE", "readable"]

LONGEST_MESSAGE: Final = 500
LONGEST_READ: Final = 4000
WINDOW: Final = 12
WIDE_WINDOW: Final = 4
"""How many characters in common with the prompt give it away; fewer of Chinese than of letters."""

_PROMPT: Final = "<prompt>"
_DATA = re.compile(r"data:[\w.+-]+/[^\s\"'<>]*", re.IGNORECASE)
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>]*", re.IGNORECASE)
_SIGNATURE = re.compile(
    r"\bX-(?:Tos|Amz|Goog|Oss|Cos)-[\w-]+=\S*|\b(?:Signature|sig|token|api[-_]?key|q-signature)=\S*", re.IGNORECASE
)
_BEARER = re.compile(
    r"\b(?:Bearer|Key|Token)\s+(?=\S*\d)[\w.:~+/-]{12,}=*|\b(?:sk|r8|xai)[-_][\w-]{12,}|\bAIza[\w-]{20,}"
)
_REQUEST_ID = re.compile(r"[\s.]*\bRequest id:\s*[\w-]+\.?", re.IGNORECASE)
_CUT_OUT: Final = (
    (_DATA, "<data>"),
    (_ADDRESS, "<url>"),
    (_SIGNATURE, "<url>"),
    (_BEARER, "<key>"),
    (_REQUEST_ID, ""),
)
_QUOTED = re.compile(r"(?:\"([^\"]+)\"|'([^']+)'|“([^”]+)”|「([^」]+)」)(?!\s*:)")
"""Something quoted; a name before a colon is a key of JSON, and quotes nobody."""


def readable(message: str, *, secrets: Sequence[str] = (), prompt: str = "") -> str:
    """Return *message* without URLs, data URIs, the keys *secrets* and pieces of *prompt*, and not too long."""
    text = message[:LONGEST_READ]
    for secret in secrets:
        text = text.replace(secret, "<key>") if secret else text
    for pattern, shown in _CUT_OUT:
        text = pattern.sub(shown, text)
    text = _without_prompt(_in_one_line(text), _in_one_line(prompt))
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"


def _in_one_line(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _without_prompt(text: str, prompt: str) -> str:
    if not prompt:
        return text
    whole = rf"(?<!\w){re.escape(prompt)}(?!\w)"
    if not _is_telling(prompt):
        # One short word is in many a sentence; only where it is named as the prompt is it one.
        whole = rf"(?<=[:=] ){re.escape(prompt)}(?!\w)|(?<=[:=]){re.escape(prompt)}(?!\w)"
    text = re.sub(whole, _PROMPT, text, flags=re.IGNORECASE)
    lowered = prompt.lower()
    text = _QUOTED.sub(lambda found: f'"{_PROMPT}"' if _gives_away(_quoted(found), lowered) else found[0], text)
    pieces: list[str] = []
    end = 0
    for start, stop in _common(text, prompt):
        pieces += [text[end:start], _PROMPT]
        end = stop
    return "".join([*pieces, text[end:]])


def _quoted(found: re.Match[str]) -> str:
    return next(group for group in found.groups() if group is not None)


def _gives_away(quoted: str, prompt: str) -> bool:
    piece = quoted.strip().lower()
    return piece == prompt or (_is_telling(piece) and piece in prompt)


def _is_telling(piece: str) -> bool:
    """Say whether *piece* can hardly stand in a message by chance: several words, a long one, no Latin."""
    return len(piece) >= WINDOW or " " in piece or (len(piece) > 1 and _is_wide(piece))


def _is_wide(piece: str) -> bool:
    return all(character > "\u024f" for character in piece)


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
    """Yield where windows of *text* are of *prompt*, as it is or as JSON writes it, in whatever case."""
    forms = {prompt.lower(), json.dumps(prompt)[1:-1].lower()}
    known = {
        length: {form[start : start + length] for form in forms for start in range(len(form) - length + 1)}
        for length in (WIDE_WINDOW, WINDOW)
    }
    lowered = "".join(character.lower()[:1] for character in text)
    for start in range(len(text)):
        for length in (WIDE_WINDOW, WINDOW):
            piece = lowered[start : start + length]
            if piece in known[length] and (length == WINDOW or _is_wide(piece)):
                yield start, start + length
                break
