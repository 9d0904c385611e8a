"""The keys that stand in settings: who a request comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

import attrs

from danqing_server.access.caller import Caller
from danqing_server.access.roles import NO_ROLES, Roles
from danqing_server.settings.values import ApiKey

__all__ = ["KeyRing", "digest_of"]


def digest_of(secret: str) -> bytes:
    """Return the SHA-256 of a key, which is all that is kept of it."""
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()


@attrs.frozen
class KeyRing:
    """The keys by their digests: how long a look among these takes says nothing of any key."""

    _callers: Mapping[bytes, Caller] = attrs.field(repr=False)
    _by_name: Mapping[tuple[str, str], bytes] = attrs.field(init=False, repr=False)

    @_by_name.default
    def _named(self) -> Mapping[tuple[str, str], bytes]:
        return {(caller.project, caller.key): digest for digest, caller in self._callers.items()}

    @classmethod
    def holding(cls, keys: Sequence[ApiKey], admin_key: str | None = None, roles: Roles = NO_ROLES) -> KeyRing:
        """Return the ring of clients' *keys*, and of the operator's own."""
        callers = {digest_of(key.secret): roles.given_to(Caller.with_key(key.owner)) for key in keys}
        if admin_key is not None:
            callers[digest_of(admin_key)] = Caller.administrator()
        return cls(callers)

    def __bool__(self) -> bool:
        """Tell whether there is any key."""
        return bool(self._callers)

    def find(self, digest: bytes) -> Caller | None:
        """Return who comes with the key of that digest, None for nobody."""
        return self._callers.get(digest)

    def digest_named(self, project: str, key: str) -> bytes | None:
        """Return the digest of the key of that name, None: none is called so."""
        return self._by_name.get((project, key))
