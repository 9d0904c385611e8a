"""Bytes as base64 that stands in a URL as it is, without padding (RFC 4648 section 5)."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

__all__ = ["from_url64", "to_url64"]


def to_url64(value: bytes) -> str:
    """Return *value* as text."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def from_url64(text: str) -> bytes:
    """Return the bytes of such a text. Raises ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
