"""What a check found."""

from __future__ import annotations

from enum import StrEnum

import attrs

__all__ = ["Finding", "State", "fine", "skipped", "warning", "wrong"]


class State(StrEnum):
    """How bad it is. `warning`: it works, and will not for ever; `skipped`: it cannot be looked at just now."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    SKIPPED = "skipped"


@attrs.frozen(kw_only=True)
class Finding:
    """One line: the *part* that was looked at, what it *says*, and what to *do*, None for nothing."""

    part: str
    state: State
    says: str
    do: str | None = None


def fine(part: str, says: str) -> Finding:
    return Finding(part=part, state=State.OK, says=says)


def warning(part: str, says: str, do: str) -> Finding:
    return Finding(part=part, state=State.WARNING, says=says, do=do)


def wrong(part: str, says: str, do: str) -> Finding:
    return Finding(part=part, state=State.WRONG, says=says, do=do)


def skipped(part: str, says: str, do: str | None = None) -> Finding:
    return Finding(part=part, state=State.SKIPPED, says=says, do=do)
