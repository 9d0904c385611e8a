"""The plugins that are installed beside the tests: those that most tests want to be without."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from typing import Final

import pytest

from danqing_server.plugins import loading

__all__ = ["INSTALLED", "all_but", "looked_for_once"]

INSTALLED: Final = tuple(sorted(entry.name for entry in entry_points(group="danqing")))


def all_but(*names: str) -> str:
    """Return a value of `DANQING_DISABLED_PLUGINS` that leaves *names* alone."""
    return ",".join(name for name in INSTALLED if name not in names)


@contextmanager
def looked_for_once() -> Iterator[None]:
    """Have this process read what is installed once for each `sys.path`: nothing else of a start takes as long."""

    @cache
    def read(_path: tuple[str, ...], group: str) -> EntryPoints:
        return entry_points(group=group)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "entry_points", lambda group: read(tuple(sys.path), group))
        yield
