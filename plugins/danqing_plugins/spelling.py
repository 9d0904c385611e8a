"""What somebody may have meant who wrote a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["nearest"]

LONGEST_NAME = 40
LIKENESS = 0.75


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the one of *known* that is written most like *name* (`userId` is `user_id`), None when none is."""
    plain = {_plain(each): each for each in known}
    found = get_close_matches(_plain(name[:LONGEST_NAME]), plain, n=1, cutoff=LIKENESS)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")
