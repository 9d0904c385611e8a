"""Who is signed in to the studio: a key was shown once, and since then a cookie stands for it.

A browser's event stream sends no header, and a page must not keep a key: hence a cookie. What it
holds, 256 random bits, is stored nowhere; its digest is the session's id. Each request asks MongoDB for the session
and the gatekeeper for its key, so that signing out counts everywhere at once, and a key's end within seconds.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from math import ceil

import attrs

from danqing_server.access.caller import Caller
from danqing_server.access.gatekeeper import Gatekeeper
from danqing_server.access.keys import digest_of
from danqing_server.clock import Clock
from danqing_server.codec.bodies import storable
from danqing_server.errors import (
    NotFound,
    QueueUnavailable,
    SessionEnded,
    TooManyWrongKeys,
    Unauthenticated,
)
from danqing_server.queue.requests import RequestCounter
from danqing_server.records.tenancy import Scope, StudioSession
from danqing_server.store.sessions import SessionStore

__all__ = ["LIFE", "Sessions"]

LIFE = timedelta(hours=12)
"""From the last use on."""

EXTENDED_EVERY = timedelta(minutes=1)
WRONG_PER_MINUTE = 5
MOST_OF_KEY = 100
MOST_LISTED = 200
LONGEST_AGENT = 200
SIZE_BYTES = 32
SEAL = b"danqing studio session, key\0"

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@attrs.define(eq=False)
class Sessions:
    """Begins sessions, knows them again and ends them. What it does raises StoreUnavailable."""

    store: SessionStore
    gatekeeper: Gatekeeper
    tries: RequestCounter
    clock: Clock

    async def key_shown(self, secret: str, address: str) -> Caller:
        """Return whose key *secret* is. Five wrong ones a minute and address, over all processes, are looked at.

        A key that was right from there before is looked at all the same. Without Redis the gatekeeper's own brake
        is all there is.

        Raises:
            UnknownKey, KeyRevoked, KeyExpired, ProjectArchived: it is nobody's, any more.
            TooManyWrongKeys: no key from *address* is looked at for now.
        """
        if self.gatekeeper.has_proven(secret, address):
            return await self.gatekeeper.caller_of(secret, address)
        await self._count(address)
        is_wrong = False
        try:
            return await self.gatekeeper.caller_of(secret, address)
        except Unauthenticated:
            is_wrong = True
            raise
        finally:
            if not is_wrong:
                with suppress(QueueUnavailable):
                    await self.tries.take_back("signin", address)

    async def begin(
        self, caller: Caller, secret: str, user: str, address: str, agent: str | None
    ) -> tuple[str, StudioSession]:
        """Sign *user* in with *secret*, the key of *caller*; return what the cookie holds, and the session."""
        token, now = secrets.token_urlsafe(SIZE_BYTES), self.clock.now()
        session = StudioSession(
            id=_id_of(token),
            key=caller.key,
            project=caller.project,
            sealed=_sealed(digest_of(secret), token),
            user=user,
            created_at=now,
            seen_at=now,
            expires_at=now + LIFE,
            address=address,
            agent=storable(agent[:LONGEST_AGENT]) if agent else None,
        )
        await self.store.insert(session, MOST_OF_KEY)
        return token, session

    async def find(self, token: str) -> tuple[Caller, StudioSession]:
        """Return who comes with the cookie's *token*, and note that it is in use.

        Raises:
            SessionEnded: it is nobody's, or was not used for half a day.
            UnknownKey, KeyRevoked, KeyExpired: its key's end is its own.
            ProjectArchived: its project is closed.
        """
        session = await self.store.find(_id_of(token)) if _TOKEN.fullmatch(token) else None
        now = self.clock.now()
        if session is None or session.expires_at <= now:
            raise SessionEnded("there is no such session any more")
        try:
            caller = await self.gatekeeper.holder_of(_sealed(session.sealed, token))
        except Unauthenticated:
            await self.store.end(session.id)
            raise
        if caller.key != session.key:
            raise SessionEnded("the key is called otherwise by now")
        if now - session.seen_at >= EXTENDED_EVERY:
            session = attrs.evolve(session, seen_at=now, expires_at=now + LIFE)
            await self.store.extend(session.id, session.seen_at, session.expires_at)
        return attrs.evolve(caller, user=session.user, session=session.id), session

    async def of(self, caller: Caller) -> Sequence[StudioSession]:
        """Return the sessions that *caller* may see and end: of its key, an administrator's those of all."""
        return await self.store.list(_keys_of(caller), self.clock.now(), MOST_LISTED)

    async def one_of(self, session_id: str, caller: Caller) -> StudioSession:
        """Return one of them. Raises NotFound."""
        found, key = await self.store.find(session_id), _keys_of(caller)
        if found is None or key not in (None, found.key):
            raise NotFound("session", session_id)
        return found

    async def end(self, session_id: str, caller: Caller) -> None:
        """End one of them, everywhere at once. Raises NotFound."""
        if not await self.store.end(session_id, _keys_of(caller)):
            raise NotFound("session", session_id)

    async def forget(self, token: str) -> None:
        """End the session of a cookie, if it is one's."""
        if _TOKEN.fullmatch(token):
            await self.store.end(_id_of(token))

    async def _count(self, address: str) -> None:
        with suppress(QueueUnavailable):
            wait_s = await self.tries.count("signin", address, WRONG_PER_MINUTE)
            if wait_s:
                raise TooManyWrongKeys(ceil(wait_s))


def _keys_of(caller: Caller) -> str | None:
    return None if Scope.ADMIN in caller.scopes else caller.key


def _id_of(token: str) -> str:
    return f"ses_{sha256(token.encode()).hexdigest()}"


def _sealed(digest: bytes, token: str) -> bytes:
    """Return *digest* so that only *token* makes it itself again, by the same."""
    pad = sha256(SEAL + token.encode()).digest()
    return bytes(one ^ other for one, other in zip(digest, pad, strict=True))
