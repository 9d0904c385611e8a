"""The check of a signature V4, of whatever headers it says that it signs.

Source: `volcengine` 1.0.229 (SignerV4), read 2026-11-28; held to vectors that it made.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote

__all__ = ["key_id_of", "matches"]

_FORM: Final = re.compile(
    r"HMAC-SHA256 Credential=(?P<key>[^/]+)/"
    r"(?P<scope>(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/request), ?"
    r"SignedHeaders=(?P<headers>[\w;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


def key_id_of(authorization: str) -> str:
    """Return the key's id that *authorization* names; empty when it is no signature."""
    found = _FORM.fullmatch(authorization)
    return found["key"] if found else ""


def matches(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, *, secret: str) -> bool:
    """Say whether the request is signed with *secret*. *headers* are found in whatever case by their mapping."""
    found = _FORM.fullmatch(headers.get("Authorization", ""))
    date = headers.get("X-Date", "")
    if found is None or date[:8] != found["day"]:
        return False
    digest = hashlib.sha256(body).hexdigest()
    if headers.get("X-Content-Sha256", digest) != digest:
        return False
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    names = found["headers"].split(";")
    lines = [
        method,
        path,
        "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs),
        *(f"{name}:{headers.get(name, '').strip()}" for name in names),
        "",
        found["headers"],
        digest,
    ]
    request = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = secret.encode()
    for part in (found["day"], found["region"], found["service"], "request"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"HMAC-SHA256\n{date}\n{found['scope']}\n{request}"
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), found["signature"])
