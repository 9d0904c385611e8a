"""Where a request carries its key. One place for every door: each client library has a header of its own.

| header | sent by |
|---|---|
| `Authorization: Bearer KEY` | OpenAI's and Ark's clients, ours |
| `Authorization: Key KEY` | fal's client |
| `x-api-key`, `api-key`, `x-goog-api-key` | Anthropic-minded, Azure-minded and Gemini's clients |
| `Authorization: Basic`, the key as password | clients of A1111 |

Never the query: it stands in logs of proxies and in histories of browsers.
Sources: the clients' own code, learn.microsoft.com/azure/ai-services/openai/reference, ai.google.dev/api, read
2026-11-28; RFC 7617.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from danqing_server.errors import Unauthenticated

__all__ = ["KEY_HEADERS", "plain_secret_of", "secret_of"]

KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")
_SCHEMES = frozenset({"bearer", "key"})
LONGEST_BASIC = 4096


def secret_of(headers: Mapping[str, str]) -> str:
    """Return the key that a request carries.

    A key of its own header wins over Basic: the latter may be a proxy's, of which the client knows nothing better.

    Raises:
        Unauthenticated: it carries none.
    """
    secret = plain_secret_of(headers)
    if secret is None:
        scheme, _, value = (headers.get("authorization") or "").partition(" ")
        secret = _password(value.strip()) if scheme.lower() == "basic" else ""
    if not secret:
        raise Unauthenticated("no API key was sent")
    return secret


def plain_secret_of(headers: Mapping[str, str]) -> str | None:
    """Return the key that a client put there on purpose; None where there is none, or Basic alone."""
    scheme, _, value = (headers.get("authorization") or "").partition(" ")
    value = value.strip()
    if value and scheme.lower() in _SCHEMES:
        return value
    for name in KEY_HEADERS:
        secret = (headers.get(name) or "").strip()
        if secret:
            return secret
    return None


def _password(encoded: str) -> str:
    """Return what stands behind the first colon; empty when nothing does, or it is no Basic at all."""
    if len(encoded) > LONGEST_BASIC:
        return ""
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(b":")[2].decode("utf-8", "surrogateescape").strip()
