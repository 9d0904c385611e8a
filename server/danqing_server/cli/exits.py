"""Exit codes, the same for every command."""

from __future__ import annotations

__all__ = ["GAVE_UP", "REFUSED", "WRONG"]

WRONG = 1
"""The exit code of a check that found something wrong."""

GAVE_UP = 1
"""The exit code when something that is needed ended again and again; a later start may succeed."""

REFUSED = 2
"""The exit code when a setting, an argument or something that is missing makes it impossible to start."""
