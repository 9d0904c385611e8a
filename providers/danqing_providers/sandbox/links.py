"""Signed links to what was made: good for a while, whoever asks."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import attrs
from aiohttp import web

__all__ = ["FILES", "PREFIX", "LinkRefused", "Links", "base_url", "load_secret"]

FILES: Final = "/files"
"""Where each dialect's files are, behind its prefix."""

PREFIX: Final = web.RequestKey("prefix", str)
"""What the request's path has before the dialect's own: `/ark`, or nothing."""

_SECRET_NAME: Final = "link-secret"
_EXPIRES: Final = "expires"
_SIGNATURE: Final = "signature"


class LinkRefused(Exception):
    """A link that is not, or no longer, good; `code` is the storage's word for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def base_url(request: web.Request) -> str:
    """Return the URL by which *request* reached its dialect, without an end slash: links begin with it."""
    return f"{request.scheme}://{request.host}{request[PREFIX]}"


def load_secret(data_dir: Path) -> bytes:
    """Return the secret of *data_dir*, made on first use, so that links outlive a restart."""
    path = data_dir / _SECRET_NAME
    if not path.exists():
        # Linked into place whole: a crash leaves no half a secret, and of two starters the first one wins.
        draft = path.with_name(f"{_SECRET_NAME}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_bytes(secrets.token_bytes(32))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()


@attrs.frozen(kw_only=True)
class Links:
    """Signs and checks links with one secret."""

    secret: bytes = attrs.field(repr=False)

    def sign(self, path: str, now_s: float, ttl_s: float) -> str:
        """Return *path* with a query that opens it until `now_s + ttl_s`, in whole seconds."""
        expires = str(int(now_s + ttl_s))
        return f"{path}?{urlencode({_EXPIRES: expires, _SIGNATURE: self._signature(path, expires)})}"

    def check(self, path: str, query: Mapping[str, str], now_s: float) -> None:
        """Return when the link is good. Raises: LinkRefused."""
        expires = query.get(_EXPIRES, "")
        if not hmac.compare_digest(self._signature(path, expires).encode(), query.get(_SIGNATURE, "").encode()):
            raise LinkRefused("SignatureDoesNotMatch", "The signature does not match.")
        if now_s >= int(expires):
            raise LinkRefused("AccessDenied", "The link has expired.")

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self.secret, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()
