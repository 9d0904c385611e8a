"""Signatures by Standard Webhooks: HMAC-SHA256 over id, time and body, one for each secret that is good.

Source: standardwebhooks.com's specification (`spec/standard-webhooks.md`) and its Python library 1.1.0, read
2026-11-28.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Iterable
from hashlib import sha256

__all__ = ["SECRET_PREFIX", "new_secret", "signature_of"]

SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """Return a secret as receivers are given it: `whsec_` and base64."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(SECRET_BYTES)).decode()


def signature_of(secrets: Iterable[str], message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the header `webhook-signature` of a message: a signature for each of *secrets*, spaces between."""
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp_s, body)
    return " ".join(f"v1,{_digest(secret, signed)}" for secret in secrets)


def _digest(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, sha256)).decode()
