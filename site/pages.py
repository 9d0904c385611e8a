"""What the site is made of: `docs/`, a home page from README, the API's reference, the changelog, the decisions.

Links that lead out of `docs/` become the names of what they lead to: the site stands alone. Lines of Chinese are
joined, since browsers show the end of one as a space; a heading's `<a id>`, which GitHub reads, becomes its id.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from reference import reference

__all__ = ["ROOT", "gather"]

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PLACES = {
    ROOT / "README.md": "index.md",
    ROOT / "README.zh-CN.md": "index.zh.md",
    ROOT / "CHANGELOG.md": "changelog.md",
    DOCS / "decisions": "decisions/index.md",
}
"""What lies elsewhere, or is a folder, and which page stands for it."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
_OTHER_LANGUAGE = re.compile(r"^\[\w+\]\(README\S*\)\n", re.MULTILINE)
_HAN = r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]"
_END_IN_CHINESE = re.compile(rf"(?<={_HAN})\n {{0,3}}(?=(?:\[|\*\*)?{_HAN})")
_NAMED_HEADING = re.compile(r'^(#+ .*?) <a id="([\w-]+)"></a>$', re.MULTILINE)
_FENCE = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)


def gather(folder: Path, openapi: bytes) -> None:
    """Write every page of the site, and the pictures in them, into *folder*; *openapi* is the API's document."""
    shutil.copytree(DOCS, folder)
    for source in DOCS.rglob("*.md"):
        (folder / source.relative_to(DOCS)).write_text(
            _led(source.read_text(), source.parent, source.relative_to(DOCS).parent)
        )
    for source, page in PLACES.items():
        if source.is_file():
            (folder / page).write_text(_led(_OTHER_LANGUAGE.sub("", source.read_text()), ROOT, Path()))
    (folder / "decisions/index.md").write_text(_decisions())
    (folder / "reference.md").write_text(reference(json.loads(openapi)))


def _led(markdown: str, here: Path, there: Path) -> str:
    """Return a text of folder *here* with links as they lead from the site's folder *there*."""

    def led(found: re.Match[str]) -> str:
        shown, text, target, anchor = found.groups()
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        place = (here / target).resolve()
        page = PLACES.get(place) or (place.is_file() and place.is_relative_to(DOCS) and place.relative_to(DOCS))
        if page:
            return f"{shown}[{text}]({os.path.relpath(page, there)}{anchor or ''})"
        return text if place.name in text else f"{text} (`{place.relative_to(ROOT)}`)"

    named = _NAMED_HEADING.sub(r"\1 { #\2 }", markdown)
    return _outside_fences(named, lambda part: _END_IN_CHINESE.sub("", _LINK.sub(led, part)))


def _decisions() -> str:
    lines = ["# Decisions", ""]
    for path in sorted((DOCS / "decisions").glob("0*.md")):
        title = path.read_text().partition("\n")[0].removeprefix("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines)


def _outside_fences(markdown: str, change: Callable[[str], str]) -> str:
    return "".join(part if part.startswith("```") else change(part) for part in _FENCE.split(markdown))
