"""Which web pages may call the API: cross-origin requests and their preflights.

Source: the Fetch standard, section "CORS protocol", read 2026-11-24.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

import attrs

from danqing_plugins import Message
from danqing_server.codec.bodies import shorten
from danqing_server.errors import Forbidden
from danqing_server.http.hosts import is_loopback
from danqing_server.settings.server import Settings

__all__ = ["STUDIO_HEADER", "Origins"]

STUDIO_HEADER = "x-danqing-studio"
"""What the studio's own pages send with each change: no page of another origin may (`own_pages`)."""

NOT_ALLOWED = Message(
    key="origin_not_allowed",
    en="web pages of {origin} may not call this API; its operator can allow them with DANQING_CORS_ORIGINS",
    zh="不允许来自 {origin} 的网页调用此 API；管理员可通过 DANQING_CORS_ORIGINS 允许",
)

EXPOSED = (
    "X-Request-ID, Retry-After, Location, ETag, Content-Range, Preference-Applied, X-Danqing-Task, X-Should-Retry, "
    "OpenAI-Poll-After-Ms"
)
ALLOWED_HEADERS = (
    "Authorization, X-API-Key, API-Key, X-Goog-API-Key, "
    "Content-Type, Accept-Language, Idempotency-Key, X-Request-ID, Range, "
    "Prefer, If-None-Match, Last-Event-ID, Cache-Control, Pragma, "
    "OpenAI-Organization, OpenAI-Project, X-Stainless-Lang, X-Stainless-Package-Version, X-Stainless-OS, "
    "X-Stainless-Arch, X-Stainless-Runtime, X-Stainless-Runtime-Version, X-Stainless-Retry-Count, "
    "X-Stainless-Timeout"
)
"""From Cache-Control on it is what pages send: gpt_image_playground 4e56f38, openai-node 7.59.0 in a browser."""

MOST_ASKED = 64
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", re.ASCII)
PREFLIGHT_MAX_AGE_S = 86400
WEB = ("http", "https")
HTTP_PORT = 80


@attrs.frozen
class Origins:
    """The origins that may call, beside the server's own: `*` stands for every one.

    `local` stands for this server's own pages under another of the machine's loopback names: same port, plain HTTP.
    A page of another port belongs to another program, and maybe to another user.
    """

    allowed: frozenset[str]
    own: frozenset[str] = frozenset()
    """Where `PUBLIC_BASE_URL` leads: the pages there are this server's, whatever `Host` a proxy makes of it."""

    @classmethod
    def of(cls, settings: Settings) -> Origins:
        """Return what the settings say; the word `none` allows no other page."""
        named = {origin.rstrip("/").lower() for origin in settings.cors_origins}
        public = _parts_of(settings.public_base_url or "")
        own = {f"{public.scheme}://{public.netloc}".lower()} if public.netloc else set()
        return cls(frozenset(named - {"none"} | own), frozenset(own))

    def is_own(self, origin: str, host: str | None) -> bool:
        """Tell whether a page of *origin* is one of this server's own, reached as *host*.

        Another port, another loopback name, and whoever may call beside them are not.
        """
        parts = _parts_of(origin)
        is_here = parts.scheme in WEB and parts.netloc.lower() == (host or "").lower() != ""
        return is_here or origin.lower() in self.own

    def is_own_page(self, url: str, host: str | None) -> bool:
        """Tell whether *url* is a page of this server's own, reached as *host*."""
        parts = _parts_of(url)
        return self.is_own(f"{parts.scheme}://{parts.netloc}", host)

    def permit(self, origin: str, host: str | None) -> bool:
        """Tell whether a page of *origin* may call the server it reaches as *host*."""
        if "*" in self.allowed or origin.lower() in self.allowed:
            return True
        return "local" in self.allowed and _are_one_server(origin, host or "")

    def check(self, origin: str | None, host: str | None) -> None:
        """Refuse a change asked for by a page that may not call.

        A browser sends a plain-text POST to other origins without asking first, so leaving the answer's headers
        out is not enough: the task would be made and paid for. *host* is one that `Hosts` has admitted.

        Raises:
            Forbidden: *origin* is neither allowed nor the server's own.
        """
        if origin is None or self.permit(origin, host):
            return
        parts = _parts_of(origin)
        if parts.scheme not in WEB or parts.netloc.lower() != (host or "").lower():
            raise Forbidden(NOT_ALLOWED(origin=shorten(origin)))

    def headers(self, origin: str | None, host: str | None) -> dict[str, str]:
        """Return what an answer to a page of *origin* carries; empty when it is no page, or none that may call."""
        if origin is None or not self.permit(origin, host):
            return {}
        if "*" in self.allowed:
            return {"access-control-allow-origin": "*", "access-control-expose-headers": EXPOSED}
        return {
            "access-control-allow-origin": origin,
            "access-control-expose-headers": EXPOSED,
            "vary": "Origin",
        }

    def preflight_headers(self, methods: str, asked: str | None) -> dict[str, str]:
        """Return what the answer to a preflight carries beside `headers`; *asked*: what the page would send.

        All of them, whatever its library is called and adds in its next release: headers permit nothing here, but
        for the studio's own.
        """
        return {
            "access-control-allow-methods": methods,
            "access-control-allow-headers": _allowed_headers(asked or ""),
            "access-control-max-age": str(PREFLIGHT_MAX_AGE_S),
        }


def _allowed_headers(asked: str) -> str:
    known = {name.lower() for name in ALLOWED_HEADERS.split(", ")}
    names = (name.strip().lower() for name in asked.split(",", MOST_ASKED)[:MOST_ASKED])
    more = dict.fromkeys(name for name in names if _NAME.fullmatch(name) and name not in {*known, STUDIO_HEADER})
    return ", ".join([ALLOWED_HEADERS, *more])


@lru_cache(maxsize=1024)
def _are_one_server(origin: str, host: str) -> bool:
    """Tell whether both name one port of this machine."""
    page, here = _parts_of(origin), _parts_of(f"http://{host}")
    if page.scheme != "http" or not (_is_local(page) and _is_local(here)):
        return False
    return _port_of(page) == _port_of(here) is not None


def _is_local(parts: SplitResult) -> bool:
    name = parts.hostname or ""
    return is_loopback(f"[{name}]" if ":" in name else name)


def _port_of(parts: SplitResult) -> int | None:
    """Return the port; None for one that makes no sense."""
    try:
        return parts.port or HTTP_PORT
    except ValueError:
        return None


def _parts_of(origin: str) -> SplitResult:
    """Return the parts of an origin; of one that makes no sense none has a value."""
    try:
        return urlsplit(origin)
    except ValueError:
        return urlsplit("")
