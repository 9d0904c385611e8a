"""The cookie of who is signed in to the studio.

By TLS it is called `__Host-…`, which no page of another name, path or without TLS can set. Ports are no border to
cookies, so that its name has the port that the browser names: two servers on one machine do not sign each other's
people out. `SameSite=Strict` does not tell ports apart either: `own_pages` does.
Source: RFC 6265 §8.5 and 6265bis-20 §4.1.3, §8.8, read 2026-11-28.
"""

from __future__ import annotations

import re

from danqing_server.http.links import scheme_of
from danqing_server.http.requests import ApiRequest

__all__ = ["COOKIE", "clearing_cookie", "session_cookie", "token_of"]

COOKIE = "danqing_studio"
_PORT = re.compile(r":([0-9]{1,5})\Z", re.ASCII)


def token_of(request: ApiRequest) -> str | None:
    """Return what the request's cookie of ours holds; None when it has none."""
    cookies = request.headers.get("cookie")
    if cookies is None or COOKIE not in cookies:
        return None
    found: dict[str, str] = {}
    for each in cookies.split(";"):
        name, _, value = each.strip().partition("=")
        found.setdefault(name, value)
    token = found.get(_name(request, secure=True))
    if token is None and scheme_of(request) != "https":
        token = found.get(_name(request, secure=False))
    return token or None


def session_cookie(request: ApiRequest, token: str, life_s: int) -> str:
    """Return the header that has a browser keep *token*."""
    return _cookie(request, token, life_s)


def clearing_cookie(request: ApiRequest) -> str:
    """Return the header that has a browser forget it."""
    return _cookie(request, "", 0)


def _cookie(request: ApiRequest, value: str, life_s: int) -> str:
    secure = _is_by_tls(request)
    rest = "; Secure" if secure else ""
    name = _name(request, secure=secure)
    return f"{name}={value}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Strict{rest}"


def _is_by_tls(request: ApiRequest) -> bool:
    """Tell whether the browser reached us by TLS; of its own pages it says so itself, whatever the proxy says."""
    origin: str | None = request.headers.get("origin")
    if origin is not None:
        return origin.lower().startswith("https:")
    return scheme_of(request) == "https" or "__Host-" in (request.headers.get("cookie") or "")


def _name(request: ApiRequest, *, secure: bool) -> str:
    port = _PORT.search(request.headers.get("host") or "")
    plain = f"{COOKIE}_{port[1]}" if port else COOKIE
    return f"__Host-{plain}" if secure else plain
