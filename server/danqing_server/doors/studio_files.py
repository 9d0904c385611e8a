"""The studio's files as they are sent: named by a hash of them all, compressed once, and what each module imports.

The files lie in `studio/` as the browser runs them; nothing is built. Their names under `/studio/v/<hash>/` change
with any change to any of them, so that a browser may keep what it has for ever. What only people read stays here,
comments and spaces, a third of all; a module's lines keep their numbers, so that an error's trace fits the files.
The styles are sent as one, `css/studio.css`: many small files pack badly, and a place is not shown in two steps.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

import attrs

from danqing_server.doors.studio_texts import QUOTED, spoken

__all__ = ["FOLDER", "PLACES", "StudioFile", "StudioFiles", "read_studio"]

FOLDER = Path(__file__).parents[1] / "studio"
PLACES = ("create", "gallery", "tasks", "queue", "costs", "settings")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
SMALLEST_COMPRESSED_BYTES = 200
STYLE = "css/studio.css"
FIRST_STYLES = ("css/tokens.css", "css/base.css", "css/ui.css")
MAIN = "js/main.js"
INDEX = "index.html"
_IMPORT = re.compile(r"""(?:\bfrom|^import)\s*['"](\.{1,2}/[^'"]+\.js)['"]""", re.MULTILINE)
_COMMENT = re.compile(
    r"^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*$|/\*\* @(?:type|param)(?:(?!\*/)[^\n])*\*/ ?", re.MULTILINE | re.DOTALL
)
_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)
# What is sent as it was written: texts, templates with no more than one inside another, patterns.
_TEMPLATE = r"`(?:\\.|[^`\\$]|\$(?!\{)|\$\{(?:[^{}`]|\{[^{}`]*\}|`(?:[^`$]|\$\{[^{}`]*\})*`)*\})*`"
# A division has a space behind it.
_PATTERN = r"""(?<=[(,=:!&|?\[ ])/(?![/*\s])(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\['"`])+/[a-z]*"""
_KEPT = rf"{QUOTED}|{_TEMPLATE}|{_PATTERN}"
_REMARK = r"[ ]*//[ ].*"
_SPACES = re.compile(rf"({_KEPT})|{_REMARK}|(?<=\bfrom)[ ](?=')|[ ]*([{{}}()\[\],;:?=<>&|*/!])[ ]*")
_UNKNOWN = re.compile(rf"{_KEPT}|{_REMARK}|[ ]/[ ]")
_STYLE_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_STYLE_SPACES = re.compile(r"[ ]*([{};,>])[ ]*|(:)[ ]+")
_INLINE = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


@attrs.frozen(kw_only=True, eq=False)
class StudioFile:
    """One file; `compressed` is None when that would not make it smaller. `etag` has its quotes."""

    body: bytes
    compressed: bytes | None
    content_type: str
    etag: str


@attrs.define(kw_only=True, eq=False)
class StudioFiles:
    """All files as they are sent, by their path; `seen` tells whether what they were made of is still the same."""

    version: str
    files: Mapping[str, StudioFile]
    template: str
    seen: Mapping[str, tuple[int, int]]
    _pages: dict[tuple[str, str], StudioFile] = attrs.field(factory=dict)

    def page(self, place: str, language: str) -> StudioFile:
        """Return the page in *language*, which has all modules of *place* fetched at once."""
        if (place, language) not in self._pages:
            text = self._filled.replace("{preloads}", "\n".join(self._preloads(place, language)))
            body = text.replace("{language}", language).encode()
            self._pages[place, language] = _prepared(body, "text/html; charset=utf-8")
        return self._pages[place, language]

    @cached_property
    def policy(self) -> str:
        """The page's Content-Security-Policy: nothing from elsewhere, and of scripts in the page the import map."""
        inline = _INLINE.search(self._filled)
        digest = hashlib.sha256((inline.group(1) if inline else "").encode()).digest()
        return (
            f"default-src 'none'; script-src 'self' 'sha256-{base64.b64encode(digest).decode()}'; "
            "style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; "
            "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
        )

    @cached_property
    def _filled(self) -> str:
        return self.template.replace("{base}", f"/studio/v/{self.version}")

    def _preloads(self, place: str, language: str) -> Iterable[str]:
        base = f"/studio/v/{self.version}"
        modules = self.modules(MAIN, f"js/places/{place}/index.js")
        vendored = [path for path in self.files if path.startswith("vendor/")]
        texts = [f"js/{part}texts.{language}.js" for part in ("", f"places/{place}/")]
        for path in (*vendored, *modules, *(path for path in texts if path in self.files)):
            yield f'<link rel="modulepreload" href="{base}/{path}">'

    def modules(self, *begin: str) -> list[str]:
        """Return the modules that those of *begin* import, and theirs; what is imported later is not among them."""
        found: dict[str, None] = {}
        waiting = [path for path in begin if path in self.files]
        while waiting:
            path = waiting.pop(0)
            if path in found:
                continue
            found[path] = None
            text = self.files[path].body.decode()
            folder = posixpath.dirname(path)
            imported = (posixpath.normpath(posixpath.join(folder, name)) for name in _IMPORT.findall(text))
            waiting += [each for each in imported if each in self.files]
        return list(found)


def read_studio(known: StudioFiles | None = None, folder: Path = FOLDER) -> StudioFiles:
    """Return the files of *folder*; *known* when they are as they were: a checkout changes while it serves.

    *known* also while some of them are away, as an upgrade leaves them for a moment. Raises FileNotFoundError when
    there is nothing known then.
    """
    try:
        seen = dict(_seen(folder))
        if known is not None and known.seen == seen:
            return known
        bodies = {name: (folder / name).read_bytes() for name in sorted({INDEX, *seen})}
    except FileNotFoundError:
        if known is None:
            raise
        return known
    digest = hashlib.sha256()
    for name, body in bodies.items():
        digest.update(f"{name} {len(body)} ".encode() + body)
    template = bodies.pop(INDEX).decode()
    files = {
        name: _prepared(_sent(name, body), TYPES[posixpath.splitext(name)[1]])
        for name, body in spoken(_styled(bodies)).items()
    }
    return StudioFiles(version=digest.hexdigest()[:16], files=files, template=template, seen=seen)


def _seen(folder: Path, above: str = "") -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield each file that is sent, by its path, with when it was changed (ns) and how long it is (bytes)."""
    with os.scandir(folder / above) as entries:
        for entry in entries:
            name = above + entry.name
            if entry.is_dir():
                yield from _seen(folder, f"{name}/")
            elif name == INDEX or posixpath.splitext(name)[1] in TYPES:
                found = entry.stat()
                yield name, (found.st_mtime_ns, found.st_size)


def _styled(bodies: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of *bodies* with the styles put together: what all have first, then the rooms'."""
    styles = {name for name in bodies if name.endswith(".css")}
    firsts = [name for name in FIRST_STYLES if name in styles]
    others = {name: body for name, body in bodies.items() if name not in styles}
    return others | {STYLE: b"".join(bodies[name] for name in (*firsts, *sorted(styles.difference(firsts))))}


def _sent(name: str, body: bytes) -> bytes:
    """Return a file without what only people read, where it is ours: what is vendored stays as it came."""
    tight = {"js": _tight_module, "css": _tight_style}.get(name.partition("/")[0])
    return tight(body.decode()).encode() if tight else body


def _tight_module(text: str) -> str:
    bare = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)
    return "\n".join(_tight_line(line) for line in _INDENTATION.sub("", bare).split("\n"))


def _tight_line(line: str) -> str:
    """Return a line without its remark and the spaces beside signs; one that is not understood, as it is."""
    if re.search("[`/]", _UNKNOWN.sub("", line)):
        return line
    return _SPACES.sub(lambda found: found[1] or found[2] or "", line)


def _tight_style(text: str) -> str:
    words = " ".join(_STYLE_COMMENT.sub("", text).split())
    return _STYLE_SPACES.sub(lambda found: found[1] or found[2], words)


def _prepared(body: bytes, content_type: str) -> StudioFile:
    compressed = gzip.compress(body, 9, mtime=0) if len(body) >= SMALLEST_COMPRESSED_BYTES else None
    if compressed is not None and len(compressed) >= len(body):
        compressed = None
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return StudioFile(body=body, compressed=compressed, content_type=content_type, etag=etag)
