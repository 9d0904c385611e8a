"""Which web pages may call the API: cross-origin requests and their preflights.

Source: the Fetch standard, section "CORS protocol", read 2026-11-24.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

import attrs

from danqing_server.errors import Forbidden
from danqing_server.settings import LOOPBACK_HOSTS

__all__ = ["Origins"]

EXPOSED = "X-Request-ID, Retry-After, Location, ETag, Content-Range"
ALLOWED_HEADERS = "Authorization, Content-Type, Accept-Language, Idempotency-Key, X-Request-ID, Range"
PREFLIGHT_MAX_AGE_S = 86400


@attrs.frozen
class Origins:
    """The origins that may call; `*` stands for every one, `local` for pages of this machine, none for no page."""

    allowed: frozenset[str]

    @classmethod
    def among(cls, origins: Sequence[str]) -> Origins:
        """Return what the setting *origins* says; its word `none` allows no page."""
        return cls(frozenset(origin.rstrip("/").lower() for origin in origins) - {"none"})

    def permits(self, origin: str) -> bool:
        """Tell whether a page of *origin* may call."""
        if "*" in self.allowed or origin.lower() in self.allowed:
            return True
        return "local" in self.allowed and _parts_of(origin).hostname in LOOPBACK_HOSTS

    def check(self, origin: str | None, host: str | None) -> None:
        """Refuse a change asked for by a page that may not call.

        A browser sends a plain-text POST to other origins without asking first, so leaving the answer's headers
        out is not enough: the task would be made and paid for.

        Raises:
            Forbidden: *origin* is neither allowed nor the server's own.
        """
        if origin is None or self.permits(origin):
            return
        if _parts_of(origin).netloc.lower() != (host or "").lower():
            raise Forbidden("web pages of this origin may not call the API")

    def headers(self, origin: str | None) -> dict[str, str]:
        """Return what an answer to a page of *origin* carries; empty when it is no page, or none that may call."""
        if origin is None or not self.permits(origin):
            return {}
        if "*" in self.allowed:
            return {"access-control-allow-origin": "*", "access-control-expose-headers": EXPOSED}
        return {
            "access-control-allow-origin": origin,
            "access-control-expose-headers": EXPOSED,
            "vary": "Origin",
        }

    def preflight_headers(self, methods: str) -> dict[str, str]:
        """Return what the answer to a preflight carries beside `headers`."""
        return {
            "access-control-allow-methods": methods,
            "access-control-allow-headers": ALLOWED_HEADERS,
            "access-control-max-age": str(PREFLIGHT_MAX_AGE_S),
        }


def _parts_of(origin: str) -> SplitResult:
    """Return the parts of an origin; of one that makes no sense none has a value."""
    try:
        return urlsplit(origin)
    except ValueError:
        return urlsplit("")
