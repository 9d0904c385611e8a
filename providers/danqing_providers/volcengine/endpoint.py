"""Where Ark is and with which key. Old `.env` files hold its address in many forms."""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs

__all__ = ["DEFAULT_ENDPOINT", "Endpoint", "check_endpoint"]

DEFAULT_ENDPOINT = "https://ark.cn-beijing.volces.com"
SANDBOX_KEY = "sandbox"

_VISUAL_HOST = "visual.volcengineapi.com"
_OVERSEAS = ".bytepluses.com"
_PATHS = ("/api/v3", "/api/plan/v3")


@attrs.frozen(kw_only=True)
class Endpoint:
    """Where calls go. `base_url` ends in the API's version and has no trailing slash."""

    base_url: str
    key: str = attrs.field(repr=False)
    sandbox: bool = False

    @classmethod
    def of_sandbox(cls, sandbox_url: str) -> Endpoint:
        """Return the endpoint of a simulator, whose key is no secret."""
        return cls(base_url=f"{sandbox_url.rstrip('/')}/api/v3", key=SANDBOX_KEY, sandbox=True)

    @property
    def overseas(self) -> bool:
        """Whether this is BytePlus, where models have other ids and prices are in USD."""
        return (urlsplit(self.base_url).hostname or "").endswith(_OVERSEAS)


def check_endpoint(raw: object) -> str:
    """Return the base URL of the API, whether or not *raw* names the version.

    Raises:
        ValueError: it is no http(s) URL of an Ark endpoint.
    """
    value = raw.strip().rstrip("/") if isinstance(raw, str) else ""
    try:
        parts = urlsplit(value)
        host, port_is_number = parts.hostname, parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError("it is no URL") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("it must not hold a user name or password")
    if _VISUAL_HOST in value:
        raise ValueError("that is the Visual API, another product with another kind of key")
    if parts.scheme not in ("http", "https") or not host or not port_is_number or parts.query or parts.fragment:
        raise ValueError("it is no http(s) URL without a query")
    if "/images" in parts.path:
        raise ValueError("it names a route; give the address before it")
    return value if parts.path.endswith(_PATHS) else f"{value}/api/v3"
