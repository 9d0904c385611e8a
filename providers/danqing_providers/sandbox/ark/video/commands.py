"""The old way to say how a film is to be: `--rs 720p --rt 16:9 --dur 5` in the text.

Lenient: a value that is not taken counts for nothing, and a field of the body goes before it.

Source: volcengine.com/docs/82379/1520757; read 2026-11-23.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["split_commands"]

_COMMAND: Final = re.compile(r"\s*--(\w+)\s+(\S+)")
_FIELDS: Final[Mapping[str, str]] = {
    "rs": "resolution",
    "resolution": "resolution",
    "rt": "ratio",
    "ratio": "ratio",
    "dur": "duration",
    "duration": "duration",
    "frames": "frames",
    "seed": "seed",
    "cf": "camera_fixed",
    "camerafixed": "camera_fixed",
    "wm": "watermark",
    "watermark": "watermark",
    "fps": "",
    "framespersecond": "",
}
_WORDS: Final[Mapping[str, bool]] = {"true": True, "false": False}
_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "duration": int,
    "frames": int,
    "seed": int,
    "camera_fixed": lambda word: _WORDS[word.lower()],
    "watermark": lambda word: _WORDS[word.lower()],
}


def split_commands(text: str) -> tuple[str, dict[str, Any]]:
    """Return *text* without its commands, and what they say, as fields of the body."""
    said: dict[str, Any] = {}

    def take(found: re.Match[str]) -> str:
        field = _FIELDS.get(found[1].lower())
        if field is None:
            return found[0]
        with contextlib.suppress(ValueError, KeyError):
            said[field] = _READERS.get(field, str)(found[2])
        return ""

    rest = _COMMAND.sub(take, text).strip()
    said.pop("", None)
    return rest, said
