"""API keys: who a request comes from."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256

import attrs

from danqing_server.access.caller import Caller
from danqing_server.errors import Unauthenticated, UnknownKey
from danqing_server.settings.values import ApiKey

__all__ = ["KeyRing"]


@attrs.frozen
class KeyRing:
    """The clients' keys, as digests of equal length; without any, authentication is off."""

    _digests: tuple[tuple[bytes, Caller], ...] = attrs.field(repr=False)

    @classmethod
    def holding(cls, keys: Sequence[ApiKey]) -> KeyRing:
        """Return the ring of *keys*."""
        return cls(tuple((_digest(key.secret), Caller.with_key(key.owner)) for key in keys))

    def __bool__(self) -> bool:
        """Tell whether there is any key."""
        return bool(self._digests)

    def caller_of(self, authorization: str | None) -> Caller:
        """Return who comes with an `Authorization` header; the local caller when authentication is off.

        Every key is compared, each in constant time, so that timing tells nothing of any.

        Raises:
            Unauthenticated: the header is missing or of another scheme.
            UnknownKey: its key is unknown.
        """
        if not self._digests:
            return Caller.local()
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Unauthenticated("no API key was sent")
        given = _digest(secret.strip())
        found = [caller for digest, caller in self._digests if hmac.compare_digest(digest, given)]
        if not found:
            raise UnknownKey("the API key is unknown")
        return found[0]


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()
