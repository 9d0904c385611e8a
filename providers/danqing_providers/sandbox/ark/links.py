"""Signed links to the pictures: for GET only, and only for a while.

The form follows TOS's pre-signed URLs; the signature is an HMAC of our own over method, path and query.

Source: recorded result URLs of Ark (`X-Tos-Expires=86400`, HEAD refused), read 2026-11-23.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

import attrs

from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.links import LinkRefused

__all__ = ["FILE_PATH", "PICTURE_PATH", "TosLinks", "tos_links"]

_DATE_FORM: Final = "%Y%m%dT%H%M%SZ"
_SIGNED: Final = ("X-Tos-Algorithm", "X-Tos-Credential", "X-Tos-Date", "X-Tos-Expires", "X-Tos-SignedHeaders")
_SIGNATURE: Final = "X-Tos-Signature"


@attrs.frozen(kw_only=True)
class TosLinks:
    """Signs and checks links with one secret; `ttl_s` is how long a link is good."""

    secret: bytes = attrs.field(repr=False)
    ttl_s: int

    def sign(self, path: str, now_s: float) -> str:
        """Return *path* with a query that opens it until `now_s + ttl_s`."""
        moment = datetime.fromtimestamp(now_s, UTC)
        query = {
            "X-Tos-Algorithm": "TOS4-HMAC-SHA256",
            "X-Tos-Credential": f"sandbox/{moment:%Y%m%d}/cn-beijing/tos/request",
            "X-Tos-Date": moment.strftime(_DATE_FORM),
            "X-Tos-Expires": str(self.ttl_s),
            "X-Tos-SignedHeaders": "host",
        }
        return f"{path}?{urlencode(query | {_SIGNATURE: self._signature(path, query)})}"

    def check(self, method: str, path: str, query: Mapping[str, str], now_s: float) -> None:
        """Return when the link is good. Raises: LinkRefused."""
        given = query.get(_SIGNATURE)
        signed = {name: query.get(name, "") for name in _SIGNED}
        if given is None or method != "GET":
            raise LinkRefused("AccessDenied", "Access Denied")
        if not hmac.compare_digest(self._signature(path, signed).encode(), given.encode()):
            message = "The request signature we calculated does not match the signature you provided."
            raise LinkRefused("SignatureDoesNotMatch", message)
        if now_s >= _expiry_s(signed):
            raise LinkRefused("AccessDenied", "Request has expired")

    def _signature(self, path: str, query: Mapping[str, str]) -> str:
        text = "\n".join(["GET", path, *(query[name] for name in _SIGNED)])
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()


def _expiry_s(query: Mapping[str, str]) -> float:
    moment = datetime.strptime(query["X-Tos-Date"], _DATE_FORM).replace(tzinfo=UTC)
    return moment.timestamp() + int(query["X-Tos-Expires"])


PICTURE_PATH: Final = re.compile(r"/doubao-[a-z0-9-]+/(?P<name>[0-9a-f]+_\d+)\.(?:jpeg|png)")
"""The path of a picture; `name` is the request id and the index within the request."""

FILE_PATH: Final = re.compile(r"/doubao-[a-z0-9-]+/(?P<name>[0-9a-z_-]+)\.(?:jpeg|png|mp4|mov)")
"""The path of a picture or a film; `name` is what the gallery calls it."""


def tos_links(house: House) -> TosLinks:
    """Return what signs and checks the links of *house*."""
    return TosLinks(secret=house.secret, ttl_s=house.config.url_ttl_s)
