"""The plugins that are installed beside the tests: those that most tests want to be without."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

__all__ = ["INSTALLED", "all_but"]

INSTALLED: Final = tuple(sorted(entry.name for entry in entry_points(group="danqing")))


def all_but(*names: str) -> str:
    """Return a value of `DANQING_DISABLED_PLUGINS` that leaves *names* alone."""
    return ",".join(name for name in INSTALLED if name not in names)
