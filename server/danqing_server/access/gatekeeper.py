"""API keys and a brake on guessing them.

Who sends wrong keys may do so a few times, and then as often as tries come back; until one does, no key of that
address is looked at, right or wrong, so that an answer tells nothing. A key that was right from that address before
is let in all the same: one guesser behind a shared address shuts out nobody who works there. What cannot be a key
is refused without a look into the database, and so is whatever comes from where no try is left.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import attrs

from danqing_server.access.caller import Caller
from danqing_server.access.key_format import is_whole
from danqing_server.access.keys import KeyRing, digest_of
from danqing_server.access.roster import Roster
from danqing_server.errors import TooManyWrongKeys, UnknownKey

__all__ = ["Gatekeeper"]

TRIES = 20
TRIES_PER_S = 0.2
MOST_ADDRESSES = 10_000
MOST_PROVEN = 10_000


@attrs.define
class _Tries:
    """What is left to one address, as of `at_s`."""

    left: float
    at_s: float


@attrs.define(eq=False)
class Gatekeeper:
    """Says whose a key is. What it remembers is bounded: the oldest is forgotten."""

    _ring: KeyRing
    roster: Roster | None = None
    """The stored keys; None where those of settings are all there are."""

    _always: bool = False
    """Whether a key is asked for though there may be none yet."""

    _now_s: Callable[[], float] = time.monotonic
    _wrong: dict[str, _Tries] = attrs.field(factory=dict, init=False)
    _proven: dict[tuple[str, bytes], None] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._always = self._always or bool(self._ring)  # those of settings stay as they are

    @property
    def guards(self) -> bool:
        """Whether a key is asked for at all."""
        return self._always or (self.roster is not None and self.roster.is_needed)

    async def caller_of(self, secret: str, address: str) -> Caller:
        """Return who comes with the key *secret*.

        Raises:
            UnknownKey: it is nobody's.
            KeyRevoked, KeyExpired, ProjectArchived: it was somebody's.
            TooManyWrongKeys: too many unknown keys came from *address*.
            StoreUnavailable: MongoDB has to be asked, and does not answer.
        """
        digest = digest_of(secret)
        known = self._ring.find(digest)
        if known is None and not is_whole(secret):
            self._note_wrong(address)
            raise UnknownKey("the API key is unknown")
        if (address, digest) not in self._proven:
            self._prove(address)  # before MongoDB is asked: a guess costs it nothing
        caller = await self._find(digest, address) if known is None else self._limited(known)
        if (address, digest) not in self._proven:
            _make_room(self._proven, MOST_PROVEN)
            self._proven[address, digest] = None
        return caller

    async def holder_of(self, digest: bytes) -> Caller:
        """Return who has the key of that digest now: whoever asks has shown the key itself before.

        Raises:
            UnknownKey, KeyRevoked, KeyExpired, ProjectArchived: nobody has, any more.
            StoreUnavailable: MongoDB has to be asked, and does not answer.
        """
        known = self._ring.find(digest)
        if known is not None:
            return self._limited(known)
        if self.roster is None:
            raise UnknownKey("the API key is unknown")
        return await self.roster.find(digest)

    async def holder_named(self, project: str, key: str) -> Caller:
        """Return who has the key of that name, or id, of *project* now: as it stands in settings, or is stored.

        Raises:
            UnknownKey, KeyRevoked, KeyExpired, ProjectArchived: nobody has, any more.
            StoreUnavailable: MongoDB has to be asked, and does not answer.
        """
        digest = self._ring.digest_named(project, key)
        if digest is not None:
            return await self.holder_of(digest)
        stored = None if self.roster is None else await self.roster.find_by_id(key)
        if stored is None or stored.project != project:
            raise UnknownKey("the API key is unknown")
        return stored

    def secret_behind(self, project: str, key: str) -> bytes:
        """Return what differs among keys of settings with one name; nothing for a stored key: its id is its own."""
        return self._ring.digest_named(project, key) or b""

    def has_proven(self, secret: str, address: str) -> bool:
        """Tell whether *secret* was right when it came from *address* before."""
        return (address, digest_of(secret)) in self._proven

    def _limited(self, known: Caller) -> Caller:
        return known if self.roster is None else self.roster.limited(known)

    async def _find(self, digest: bytes, address: str) -> Caller:
        """Return who comes with a key that no setting names."""
        try:
            if self.roster is None:
                raise UnknownKey("the API key is unknown")
            return await self.roster.find(digest)
        except UnknownKey:
            self._note_wrong(address)
            raise

    def _prove(self, address: str) -> None:
        """Raise TooManyWrongKeys when *address* has no try left."""
        tries = self._wrong.get(address)
        if tries is not None and self._left(tries) < 1:
            raise self._refusal(tries)

    def _note_wrong(self, address: str) -> None:
        """Take one try away. Raises TooManyWrongKeys when there is none."""
        tries = self._wrong.get(address)
        if tries is None:
            _make_room(self._wrong, MOST_ADDRESSES)
            tries = self._wrong[address] = _Tries(TRIES, self._now_s())
        left = self._left(tries)
        if left < 1:
            raise self._refusal(tries)
        tries.left, tries.at_s = left - 1, self._now_s()

    def _left(self, tries: _Tries) -> float:
        return min(float(TRIES), tries.left + (self._now_s() - tries.at_s) * TRIES_PER_S)

    def _refusal(self, tries: _Tries) -> TooManyWrongKeys:
        return TooManyWrongKeys(math.ceil((1 - self._left(tries)) / TRIES_PER_S))


def _make_room(kept: dict[Any, Any], most: int) -> None:
    while len(kept) >= most:
        del kept[next(iter(kept))]
