"""Signed links to pictures, in the form of Volcengine's object storage (TOS); for GET only, and they expire."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

import attrs

__all__ = ["LinkRefused", "Links", "Picture", "load_secret"]

_DATE = "%Y%m%dT%H%M%SZ"
_PATH = re.compile(
    r"/(?P<family>[a-z0-9-]+)/(?P<request_id>02[0-9a-f]+)_(?P<index>\d{1,3})\.(?P<extension>jpeg|png)"
)


class LinkRefused(Exception):
    """The link is forged, damaged or too old; carries TOS's `code` and `message`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


@attrs.frozen(kw_only=True)
class Picture:
    """What a link names."""

    request_id: str
    index: int


@attrs.frozen(kw_only=True)
class Links:
    """Makes and checks links. `clock` returns unix seconds."""

    secret: bytes = attrs.field(repr=False)
    lifetime_s: int
    clock: Callable[[], float]

    def sign(self, base_url: str, family: str, request_id: str, index: int, extension: str) -> str:
        """Return the URL of one picture, good from now on for `lifetime_s`."""
        path = f"/{family}/{request_id}_{index}.{extension}"
        date = datetime.fromtimestamp(self.clock(), UTC).strftime(_DATE)
        query = {
            "X-Tos-Algorithm": "TOS4-HMAC-SHA256",
            "X-Tos-Date": date,
            "X-Tos-Expires": str(self.lifetime_s),
            "X-Tos-Signature": self._signature("GET", path, date, str(self.lifetime_s)),
            "X-Tos-SignedHeaders": "host",
        }
        return f"{base_url}{quote(path)}?{urlencode(query)}"

    def check(self, method: str, path: str, query: Mapping[str, str]) -> Picture:
        """Return what the link names.

        Raises:
            LinkRefused: the signature is not of this method, path and time, or its time is over.
        """
        date, expires = query.get("X-Tos-Date", ""), query.get("X-Tos-Expires", "")
        expected = self._signature(method, path, date, expires)
        match = _PATH.fullmatch(path)
        if match is None or not hmac.compare_digest(expected.encode(), query.get("X-Tos-Signature", "").encode()):
            raise LinkRefused("SignatureDoesNotMatch", "The request signature we calculated does not match yours.")
        signed_at = datetime.strptime(date, _DATE).replace(tzinfo=UTC).timestamp()
        if self.clock() >= signed_at + int(expires):
            raise LinkRefused("AccessDenied", "Request has expired")
        return Picture(request_id=match["request_id"], index=int(match["index"]))

    def _signature(self, method: str, path: str, date: str, expires: str) -> str:
        text = "\n".join((method, path, date, expires))
        return hmac.new(self.secret, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def load_secret(path: Path) -> bytes:
    """Return the folder's signing secret; makes one the first time, so that links outlive a restart."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        secret = secrets.token_bytes(32)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    return secret
