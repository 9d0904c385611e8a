"""Where Ark is and with which key: two variables that old `.env` files hold in many forms."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import attrs

from danqing_plugins import ConfigurationError

__all__ = ["DEFAULT_ENDPOINT", "Endpoint", "check_endpoint", "check_key"]

DEFAULT_ENDPOINT = "https://ark.cn-beijing.volces.com"
SANDBOX_KEY = "sandbox"

_VISUAL_HOST = "visual.volcengineapi.com"
_OVERSEAS = ".bytepluses.com"
_PATHS = ("/api/v3", "/api/plan/v3")
_WAYS_OUT = "set a real Ark API key, or leave it empty to work with the sandbox at no cost"
_PLACEHOLDER = re.compile(
    r"""
    [x*.\-_]+ | (sk|ark)[-_]?[x*.]+[x*.\-]* | <.*> | \$?\{.*\} | \[.*\]
    | (your|my|insert|enter|paste|put|replace)([-_ ].*)? | yourapikey.* | .*[-_ ](here|placeholder)
    | (volcengine|ark)?[-_ ]?api[-_ ]?key | placeholder | change[-_ ]?me | (todo|none|null|example|dummy)
    """,
    re.VERBOSE | re.IGNORECASE,
)


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


def check_key(raw: str) -> str | None:
    """Return the key, None for none.

    Raises:
        ConfigurationError: it is a placeholder that was never replaced, or cannot be a key.
    """
    key = raw.strip()
    if not key:
        return None
    if not key.isascii() or _PLACEHOLDER.fullmatch(key):
        raise ConfigurationError(f"VOLCENGINE_API_KEY still holds a placeholder: {_WAYS_OUT}")
    if not key.isprintable() or " " in key:
        raise ConfigurationError(f"VOLCENGINE_API_KEY holds spaces or control characters: {_WAYS_OUT}")
    return key


def check_endpoint(raw: str) -> str:
    """Return the base URL of the API, whether or not *raw* names the version.

    Raises:
        ConfigurationError: it is no http(s) URL of an Ark endpoint.
    """
    value = raw.strip().rstrip("/") or DEFAULT_ENDPOINT
    try:
        parts = urlsplit(value)
        host, port_is_number = parts.hostname, parts.port is None or parts.port > 0
    except ValueError:
        raise _wrong(value, "is no URL") from None
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("VOLCENGINE_ENDPOINT must not hold a user name or password")
    if _VISUAL_HOST in value:
        raise _wrong(value, "is the Visual API, another product with another kind of key")
    if parts.scheme not in ("http", "https") or not host or not port_is_number or parts.query or parts.fragment:
        raise _wrong(value, "is no http(s) URL without a query")
    if "/images" in parts.path:
        raise _wrong(value, "names a route; give the address before it")
    return value if parts.path.endswith(_PATHS) else f"{value}/api/v3"


def _wrong(value: str, reason: str) -> ConfigurationError:
    shown = value.partition("?")[0][:100]
    allowed = f"{DEFAULT_ENDPOINT} (with or without /api/v3 or /api/plan/v3)"
    return ConfigurationError(f"VOLCENGINE_ENDPOINT={shown} {reason}; use {allowed}")
