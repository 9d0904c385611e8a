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
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path

from danqing_plugins.markers import PROJECT
from danqing_server.errors import SettingsError
from danqing_server.plugins.presence import EVERYTHING

__all__ = ["write_plugin"]

SUFFIX = ".txt"
"""Templates are no modules: nothing that reads Python files shall read them."""


def write_plugin(name: str, into: Path, *, asynchronous: bool) -> Path:
    """Write the package `danqing-NAME` below *into* and return its folder.

    Raises:
        SettingsError: the name is none that a provider may have, or is taken, the folder is there already, or it
            cannot be written: then nothing is left of it.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name) or keyword.iskeyword(name) or name.endswith("_"):
        raise SettingsError(f"NAME: {name!r} is not allowed; allowed: lower-case letters, digits and _, at most 32")
    taken = _taken(name)
    if taken is not None:
        raise SettingsError(f"NAME: {name!r} is taken: {taken}")
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


def _taken(name: str) -> str | None:
    """Say who has *name*, None for nobody: a second package of one name would stand before the first."""
    if find_spec(f"danqing_{name}") is not None:
        return f"there is a package danqing_{name}"
    if name == EVERYTHING:
        return f"DANQING_SANDBOX={EVERYTHING} means every provider"
    known = {entry.name for entry in entry_points(group=PROJECT)}
    return f"a plugin {name} is installed" if name in known else None


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
