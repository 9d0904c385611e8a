"""What a client would like: `Prefer: wait=30, respond-async`, read as far as it is known here.

Source: RFC 7240 §2 (grammar; what is unknown or malformed is ignored; the first of a name counts), §3
(`Preference-Applied`), §4.1 (`respond-async`), §4.3 (`wait`, in seconds), read 2026-11-28.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

import attrs

from danqing_server.http.requests import ApiRequest

__all__ = ["LONGEST_WAIT_S", "PREFER", "Preferences", "preferences_in", "preferences_of"]

LONGEST_WAIT_S = 55
"""What is left of the minute that Sanic gives a request (RESPONSE_TIMEOUT), with room to answer."""

MOST_WAIT_S = 60
LONGEST_HEADER = 400
RETRY_AFTER_S = 1
_WAIT = re.compile(r"0*([1-9][0-9]?)")
_PART = re.compile(r'((?:[^,;"]|"(?:[^"\\]|\\.)*")*)([,;]|$)')

PREFER: Mapping[str, Any] = {
    "name": "Prefer",
    "location": "header",
    "description": "`wait=n`: wait up to n seconds (1 to 60) for an answer with more to say; `respond-async`",
    "schema": {"type": "string"},
    "example": "wait=30",
}


@attrs.frozen(kw_only=True)
class Preferences:
    """`wait_s` is how many seconds the client waits from when its request arrived, None: it does not ask to."""

    wait_s: int | None = None
    respond_async: bool = False

    def left_s(self, request: ApiRequest) -> float:
        """Return how long there is still to wait, 0 when it is over or not asked for."""
        return max(0.0, (self.wait_s or 0) - (time.perf_counter() - request.arrived_s))

    def headers(self, *, answers_async: bool = False, unfinished: bool = False) -> dict[str, str]:
        """Return what an answer says of them: what was honoured, and when to ask again for what is not finished."""
        applied = [f"wait={self.wait_s}"] if self.wait_s is not None else []
        if answers_async:
            applied.insert(0, "respond-async")
        found = {"vary": "Prefer", "preference-applied": ", ".join(applied)}
        return {**found, "retry-after": str(RETRY_AFTER_S)} if unfinished else found


def preferences_of(request: ApiRequest) -> Preferences | None:
    """Return what a request prefers of what can be honoured, None for nothing."""
    return preferences_in(", ".join(request.headers.getall("prefer"))) if "prefer" in request.headers else None


def preferences_in(header: str) -> Preferences | None:
    """Return what `preferences_of` does, of a header alone; one that is too long says nothing."""
    found: dict[str, str] = {}
    for name, value in map(_read, _listed(header)) if len(header) <= LONGEST_HEADER else ():
        found.setdefault(name, value)
    wait = _WAIT.fullmatch(found.get("wait", ""))
    wait_s = int(wait[1]) if wait is not None and int(wait[1]) <= MOST_WAIT_S else None
    respond_async = found.get("respond-async") == ""
    if wait_s is None and not respond_async:
        return None
    return Preferences(wait_s=None if wait_s is None else min(LONGEST_WAIT_S, wait_s), respond_async=respond_async)


def _listed(header: str) -> list[str]:
    """Return the preferences of a list, without their parameters; commas and semicolons in quotes are text."""
    found, first = [], True
    for part in _PART.finditer(header):
        if first:
            found.append(part[1])
        first = part[2] == ","
    return found


def _read(preference: str) -> tuple[str, str]:
    """Return the name of a preference, in lower case, and its value; empty without one."""
    name, _, value = preference.partition("=")
    return name.strip().lower(), value.strip().strip('"')
