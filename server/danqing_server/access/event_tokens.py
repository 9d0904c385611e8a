"""Tokens for browsers' event streams, which cannot send a header: good for minutes, and for reading events alone.

A token stands in a URL, where histories and proxies keep it; the key never does. It says for which project it is
and until when, signed with a secret that all processes share, and with the digest of the key where that stands in
settings: another key of its name makes other signatures. What it is good for is decided by where it is
accepted: at the two event streams, and nowhere else.
"""

from __future__ import annotations

import hmac
from datetime import datetime

import attrs
import orjson

from danqing_server.access.caller import Caller
from danqing_server.access.gatekeeper import Gatekeeper
from danqing_server.clock import Clock, from_ms
from danqing_server.codec.url64 import from_url64, to_url64
from danqing_server.errors import UnknownKey
from danqing_server.records.tenancy import Scope
from danqing_server.store.secrets import SecretStore

__all__ = ["LONGEST_LIFE_S", "SHORTEST_LIFE_S", "EventTokens"]

PREFIX = "dqe_"
SECRET = "event_tokens"
PURPOSE = b"danqing event stream, read\0"
SHORTEST_LIFE_S, LONGEST_LIFE_S = 10, 900
LONGEST_TOKEN = 1024
NONE_OF_OURS = "the token is none of this server's"
_READ = frozenset({Scope.READ})


@attrs.define(eq=False)
class EventTokens:
    """Issues tokens and knows them again. What it does raises StoreUnavailable while it has not read the secret."""

    secrets: SecretStore
    clock: Clock
    gatekeeper: Gatekeeper
    _secret: bytes | None = attrs.field(default=None, init=False, repr=False)

    async def issue(self, caller: Caller, life_s: int) -> tuple[str, datetime]:
        """Return a token with which its bearer sees the events that *caller* sees, and until when."""
        expires_ms = self.clock.now_ms() + life_s * 1000
        said = to_url64(orjson.dumps([caller.project, caller.key, expires_ms]))
        signature = await self._sign(said, self.gatekeeper.secret_behind(caller.project, caller.key))
        return f"{PREFIX}{said}.{to_url64(signature)}", from_ms(expires_ms)

    async def caller_of(self, token: str) -> Caller:
        """Return who comes with *token*: whoever has the key that it was made with, with the one scope that reads.

        Raises:
            UnknownKey: it is none of ours, its time is over, or the key is nobody's any more.
            KeyRevoked, KeyExpired, ProjectArchived: the key was, or its project is.
        """
        said, _, signature = token.removeprefix(PREFIX).partition(".")
        if not token.startswith(PREFIX) or len(token) > LONGEST_TOKEN or not token.isascii():
            raise UnknownKey(NONE_OF_OURS)
        project, key, expires_ms = _read(said)  # of whoever: nothing is done with it before the signature fits
        signed = await self._sign(said, self.gatekeeper.secret_behind(project, key))
        if not hmac.compare_digest(to_url64(signed), signature):
            raise UnknownKey(NONE_OF_OURS)
        if self.clock.now_ms() >= expires_ms:
            raise UnknownKey("the token has expired")
        caller = await self.gatekeeper.holder_named(project, key)
        return attrs.evolve(caller, scopes=caller.scopes & _READ)

    async def _sign(self, said: str, behind: bytes) -> bytes:
        if self._secret is None:
            self._secret = await self.secrets.get(SECRET)
        return hmac.digest(self._secret, PURPOSE + said.encode() + behind, "sha256")


def _read(said: str) -> tuple[str, str, int]:
    """Return the project, the key and the milliseconds that a token says. Raises UnknownKey."""
    try:
        found = orjson.loads(from_url64(said))
    except ValueError as error:  # what base64 and orjson raise is one
        raise UnknownKey(NONE_OF_OURS) from error
    match found:
        case [str(project), str(key), int(expires_ms)]:
            return project, key, expires_ms
    raise UnknownKey(NONE_OF_OURS)
