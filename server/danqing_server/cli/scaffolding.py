"""`danqing plugin new`: the package of a provider, out of `templates`.

A template's path and text hold words between `@`; `common` is in every package, `sync` and `async` are the two
kinds of services.
"""

from __future__ import annotations

import keyword
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from danqing_server.errors import SettingsError

__all__ = ["write_plugin"]

SUFFIX = ".txt"
"""Templates are no modules: nothing that reads Python files shall read them."""


def write_plugin(name: str, into: Path, *, asynchronous: bool) -> Path:
    """Write the package `danqing-NAME` below *into* and return its folder.

    Raises:
        SettingsError: the name is none that a provider may have, the folder is there already, or it cannot be
            written: then nothing is left of it.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name) or keyword.iskeyword(name) or name.endswith("_"):
        raise SettingsError(f"NAME: {name!r} is not allowed; allowed: lower-case letters, digits and _, at most 32")
    words = _words(name)
    folder = into / f"danqing-{words['DASHED']}"
    with _said_of(folder):
        if folder.exists():
            raise SettingsError(f"{folder} is there already: nothing was written")
        folder.mkdir(parents=True)
    try:
        for path, text in _templates("common", "async" if asynchronous else "sync"):
            _write(folder / _filled(path, words), _filled(text, words))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _write(path: Path, text: str) -> None:
    with _said_of(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@contextmanager
def _said_of(path: Path) -> Iterator[None]:
    """Say why *path* cannot be written."""
    try:
        yield
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error


def _words(name: str) -> Mapping[str, str]:
    parts = [part for part in name.split("_") if part]
    return {
        "NAME": name,
        "DASHED": "-".join(parts),
        "VARIABLE": name.upper(),
        "TITLE": " ".join(part.capitalize() for part in parts),
        "CLASS": "".join(part.capitalize() for part in parts),
    }


def _filled(text: str, words: Mapping[str, str]) -> str:
    return re.sub(r"@([A-Z]+)@", lambda found: words[found[1]], text)


def _templates(*kinds: str) -> Iterator[tuple[str, str]]:
    root = files("danqing_server.cli") / "templates"
    for kind in kinds:
        yield from _below(root / kind, "")


def _below(folder: Traversable, path: str) -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, f"{path}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            yield f"{path}{entry.name.removesuffix(SUFFIX)}", entry.read_text(encoding="utf-8")
