"""One installed plugin, and what is wrong with it, told to whoever looks after the server or wrote the plugin."""

from __future__ import annotations

import asyncio
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import PurePath

import attrs

from danqing_plugins.kit.redaction import readable
from danqing_server.loops.cancellation import is_cancelled

__all__ = ["Plugin", "Stage", "staying"]

SECRET = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|URL$", re.IGNORECASE)
SHORTEST = 6
"""What is shorter is no secret, and stands in many a word."""

_OURS = frozenset({"danqing_server", "pluggy", "importlib"})


class Stage(StrEnum):
    """What a plugin was asked for when it failed."""

    IMPORT = "import"
    CONFIGURE = "configure"
    START = "start"


@attrs.define(kw_only=True)
class Plugin:
    """One installed plugin. `error` None: it works. `providers` are the names of those it brings.

    `missing` names the variables for want of which a provider of it is left out, `wanted` those for want of which
    one is simulated. `stage` is what failed with
    `error`, `where` the line of the plugin that it came from (`folder/file.py:12`), None when no line of it did.
    """

    name: str
    version: str | None = None
    distribution: str | None = None
    providers: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    error: str | None = None
    stage: Stage | None = None
    where: str | None = None

    def note(self, stage: Stage, error: Exception, environment: Mapping[str, str]) -> None:
        """Note that it does not work, without what *environment* keeps secret."""
        secrets = [value for name, value in environment.items() if SECRET.search(name) and len(value) >= SHORTEST]
        self.error = readable(f"{type(error).__name__}: {error}", secrets=secrets)
        self.stage, self.where = stage, _line_of(error)


@contextmanager
def staying() -> Iterator[None]:
    """Turn a plugin's `sys.exit()` into an error of its own: it would end the process, and what others do in it.

    So a cancellation that nobody asked for: whoever waits for the plugin would take it for the end of itself.
    """
    try:
        yield
    except SystemExit as error:
        raise RuntimeError("the plugin called sys.exit()").with_traceback(error.__traceback__) from None
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        raise RuntimeError("something that the plugin waited for was cancelled") from error


def _line_of(error: Exception) -> str | None:
    """Return the last line that is the plugin's own, without the folders above its own."""
    if isinstance(error, SyntaxError) and error.filename:
        return _place(error.filename, error.lineno)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_foreign(frame.filename)]
    return _place(frames[-1].filename, frames[-1].lineno) if frames else None


def _is_foreign(filename: str) -> bool:
    library = PurePath(traceback.__file__).parent
    parts = PurePath(filename).parts
    of_python = PurePath(filename).is_relative_to(library) and "site-packages" not in parts
    return filename.startswith("<") or of_python or not _OURS.isdisjoint(parts)


def _place(filename: str, line: int | None) -> str:
    return f"{'/'.join(PurePath(filename).parts[-2:])}:{line or 1}"
