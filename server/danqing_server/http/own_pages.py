"""What comes by cookie has to come from this server's own pages: a browser sends cookies for whoever asks it to.

`SameSite=Strict` keeps other sites out, but a page of another port is of the same site. So a change needs an
`Origin` that is ours and a header that no page of another origin can send without a preflight, which we refuse;
and where the browser says which page asks (`Sec-Fetch-Site`, on TLS and loopback), that counts, for reading too.
Source: Fetch standard, "CORS protocol"; W3C Fetch Metadata §2.3, §2.4, read 2026-11-28.
"""

from __future__ import annotations

from danqing_plugins import Message
from danqing_server.codec.bodies import shorten
from danqing_server.errors import Forbidden
from danqing_server.http.origins import STUDIO_HEADER, Origins
from danqing_server.http.requests import ApiRequest

__all__ = ["asks_from_own_page", "check_page"]

NO_PAGE_OF_OURS = Message(
    key="no_page_of_ours",
    en="a sign-in counts only for the studio's own pages, not for {origin}; behind a proxy set PUBLIC_BASE_URL",
    zh="登录仅对工作室自己的页面有效，不适用于 {origin}；如使用反向代理，请设置 PUBLIC_BASE_URL",
)
NO_HEADER = Message(
    key="no_studio_header",
    en="a change by a signed-in browser needs the header `X-Danqing-Studio: 1`",
    zh="已登录的浏览器进行更改时需要请求头 `X-Danqing-Studio: 1`",
)


def asks_from_own_page(request: ApiRequest) -> bool:
    """Tell whether one of this server's own pages asks, as far as its browser says.

    By plain HTTP in a LAN browsers say it by `Referer` alone, and so do older ones.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return bool(site == "same-origin")
    origins: Origins = request.app.ctx.origins
    return origins.is_own_page(request.headers.get("referer") or "", request.headers.get("host"))


def check_page(request: ApiRequest) -> None:
    """Refuse what another page than ours asks for. Raises Forbidden."""
    headers = request.headers
    reads = request.method in ("GET", "HEAD")
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin" and not (reads and site == "none"):
        raise Forbidden(NO_PAGE_OF_OURS(origin=shorten(origin or site)))
    if reads:
        return
    origins: Origins = request.app.ctx.origins
    if origin is None or not origins.is_own(origin, headers.get("host")):
        raise Forbidden(NO_PAGE_OF_OURS(origin=shorten(origin or "-")))
    if headers.get(STUDIO_HEADER) != "1":
        raise Forbidden(NO_HEADER())
