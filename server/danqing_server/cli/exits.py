"""Exit codes, the same for every command; docs/cli.md has the table."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Ended", "Exit"]


class Exit(IntEnum):
    """How a command ended. Numbers never change their meaning; what is new gets a new one."""

    DONE = 0
    FAILED = 1
    REFUSED = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    CONFLICT = 5
    LIMIT = 6
    UNREACHABLE = 7
    TIMEOUT = 8
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """What it says, for who writes scripts."""
        return _MEANINGS[self]


_MEANINGS = {
    Exit.DONE: "done",
    Exit.FAILED: "a task failed or was cancelled, a check found something wrong, or what was started gave up",
    Exit.REFUSED: "an argument, a setting or a request is wrong, or a file cannot be read or written: the same "
    "words will be refused again",
    Exit.NOT_FOUND: "there is no such thing, or it is another project's",
    Exit.NOT_ALLOWED: "the key is missing, wrong or revoked, or may not do this",
    Exit.CONFLICT: "the thing is in a state that does not allow this",
    Exit.LIMIT: "a budget or another limit is used up",
    Exit.UNREACHABLE: "no server answers, or it cannot at present: try again later",
    Exit.TIMEOUT: "`--timeout` is over; the task goes on",
    Exit.INTERRUPTED: "Ctrl-C; a task goes on",
}


class Ended(Exception):
    """Ends a command: *lines* are said on standard error, *code* is its exit code."""

    def __init__(self, code: Exit, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.code = code
        self.lines = lines
