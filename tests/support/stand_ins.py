"""Programs that a user's shell has and a bare machine may lack: as much of each as the tests' scripts use."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["path_with", "stand_in_path"]

_FOLDERS = {name: Path(__file__).with_name(f"{name}_stand_in") for name in ("curl", "jq")}


def path_with(*programs: str) -> str:
    """Return a PATH on which each of *programs* is found: the real one, or our stand-in where there is none."""
    return stand_in_path(*(name for name in programs if shutil.which(name) is None))


def stand_in_path(*programs: str) -> str:
    """Return a PATH on which our stand-ins for *programs* come first."""
    return os.pathsep.join([*(str(_FOLDERS[name]) for name in programs), os.environ["PATH"]])
