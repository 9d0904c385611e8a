"""The studio's texts as they are sent: in one language, and together.

They are written beside what shows them, English and Chinese on one line (`js/places/queue/texts.js`). A reader
needs one of the two, and many small files pack badly: so the page fetches `js/texts.<language>.js`, which has those
of every place, and with the settings, where few go, `js/places/settings/texts.<language>.js`: a third of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

__all__ = ["LANGUAGES", "QUOTED", "TEXTS", "spoken", "texts_of"]

LANGUAGES = ("en", "zh")
TEXTS = "texts.js"
ALL = "js/"
APART = "js/places/settings/"
QUOTED = r"""'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*\""""
"""A text of JavaScript's that is no template, with its quotes."""

_ENTRY = re.compile(rf"""^ {{2}}('[\w.]+'): \[\s*({QUOTED}),\s*({QUOTED}),?\s*\],$""", re.MULTILINE)


def texts_of(source: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each key of a file of texts and its literals in `LANGUAGES`, as JavaScript writes them."""
    for key, english, chinese in _ENTRY.findall(source):
        yield key, (english, chinese)


def spoken(bodies: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of *bodies* with those of texts put together, once for each language."""
    parts: dict[str, list[tuple[str, tuple[str, str]]]] = {}
    for name, body in bodies.items():
        if name.endswith(TEXTS):
            part = APART if name.startswith(APART) else ALL
            parts.setdefault(part, []).extend(texts_of(body.decode()))
    others = {name: body for name, body in bodies.items() if not name.endswith(TEXTS)}
    for part, texts in parts.items():
        for place, language in enumerate(LANGUAGES):
            lines = "".join(f"{key}:{said[place]},\n" for key, said in texts)
            others[f"{part}texts.{language}.js"] = f"export default {{\n{lines}}};\n".encode()
    return others
