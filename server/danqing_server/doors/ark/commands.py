"""The old way to say how a video is to be, in its text: `--rs 720p --rt 16:9 --dur 5`.

A value that makes no sense counts for nothing, and a field of the body goes before it. Source:
volcengine.com/docs/82379/1520757, read 2026-11-28.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

__all__ = ["split_commands"]

_COMMAND = re.compile(r"(?<!\S)--([a-z]{1,20})[ \t]+(\S{1,20})(?=\s|$)")
_WORDS = {"true": True, "false": False}


def _flag(text: str) -> bool:
    return _WORDS[text.lower()]


_MEANT: Mapping[str, tuple[str, Callable[[str], Any]] | None] = {
    "rs": ("resolution", str),
    "resolution": ("resolution", str),
    "rt": ("ratio", str),
    "ratio": ("ratio", str),
    "dur": ("duration", int),
    "duration": ("duration", int),
    "frames": ("frames", int),
    "seed": ("seed", int),
    "cf": ("camera_fixed", _flag),
    "camerafixed": ("camera_fixed", _flag),
    "wm": ("watermark", _flag),
    "watermark": ("watermark", _flag),
    "fps": None,  # there is one
    "framespersecond": None,
}


def split_commands(text: str) -> tuple[str, dict[str, Any]]:
    """Return *text* without its commands, and what they say, as fields of the body."""
    said: dict[str, Any] = {}

    def take(found: re.Match[str]) -> str:
        if found[1] not in _MEANT:
            return found[0]
        meant = _MEANT[found[1]]
        if meant is not None:
            name, read = meant
            with suppress(ValueError, KeyError):
                said[name] = read(found[2])
        return ""

    return _COMMAND.sub(take, text).strip(), said
