"""The stored keys that are in use, as MongoDB had them a few seconds ago.

A key is looked up when it is first seen; after that all of them are looked at together, every few seconds, off the
way of any request. So a key that is revoked, limited or archived with its project is so within ten seconds in every
process, and a request costs MongoDB nothing. What was seen longer ago than that is not trusted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

import attrs

from danqing_server.access.caller import Caller
from danqing_server.access.limits import UNLIMITED, CallerLimits
from danqing_server.access.roles import NO_ROLES, Roles
from danqing_server.clock import Clock
from danqing_server.errors import KeyExpired, KeyRevoked, ProjectArchived, StoreUnavailable, UnknownKey
from danqing_server.loops.shared import outcome_of
from danqing_server.records.tenancy import NO_LIMITS, Project, StoredKey
from danqing_server.store.api_keys import USE_WRITTEN_EVERY, ApiKeyStore
from danqing_server.store.projects import ProjectStore

__all__ = ["REFRESH_EVERY_S", "Roster"]

REFRESH_EVERY_S = 4.0
TRUSTED_S = 9.0
UNUSED_S = 60.0
MOST_ENTRIES = 10_000


@attrs.define(eq=False)
class _Entry:
    """What is known of one digest. `key` None: nobody's. Moments in seconds are of the monotonic clock."""

    checked_s: float
    used_s: float
    key: StoredKey | None = None
    project: Project | None = None
    caller: Caller | None = None
    good_until: datetime | None = None
    noted_s: float | None = None


@attrs.define(eq=False)
class Roster:
    """Finds who comes with a stored key. `named` are the projects of keys that stand in settings."""

    keys: ApiKeyStore
    projects: ProjectStore
    clock: Clock
    named: Sequence[str] = ()
    roles: Roles = NO_ROLES
    is_needed: bool = attrs.field(default=False, init=False)
    """Whether any key was ever stored; it never turns false again, whatever is revoked."""

    _entries: dict[bytes, _Entry] = attrs.field(factory=dict, init=False)
    _looks: dict[bytes, asyncio.Task[_Entry]] = attrs.field(factory=dict, init=False)
    _of_named: Mapping[str, Project] = attrs.field(factory=dict, init=False)

    def knows(self, digest: bytes) -> bool:
        """Tell whether a look at that digest costs MongoDB nothing."""
        entry = self._entries.get(digest)
        return entry is not None and self._is_fresh(entry)

    async def find(self, digest: bytes) -> Caller:
        """Return who comes with the key of that digest.

        Raises:
            UnknownKey: it is nobody's.
            KeyRevoked, KeyExpired: it was somebody's.
            ProjectArchived: its project is closed.
            StoreUnavailable: MongoDB has to be asked, and does not answer.
        """
        entry = self._entries.get(digest)
        if entry is None or not self._is_fresh(entry):
            entry = await self._look_once(digest)
        entry.used_s = self.clock.monotonic_s()
        return self._judge(entry)

    async def find_by_id(self, key_id: str) -> Caller | None:
        """Return who comes with the stored key of that id, as MongoDB has it now; None: it is no stored key's.

        Raises:
            KeyRevoked, KeyExpired, ProjectArchived: it was somebody's.
            StoreUnavailable: MongoDB does not answer.
        """
        key = await self.keys.find(key_id)
        if key is None:
            return None
        project = (await self.projects.find_all({key.project})).get(key.project)
        now_s = self.clock.monotonic_s()
        return self._judge(_Entry(now_s, now_s, key, project, self._caller_of(key, project)))

    def limited(self, caller: Caller) -> Caller:
        """Return a *caller* with a key of settings, with the limits its project may have a record of."""
        project = self._of_named.get(caller.project)
        if project is None:
            return caller
        if project.archived_at is not None:
            raise ProjectArchived("the project is archived")
        _refuse_expired(project.limits.expires_at, self.clock.now())
        return attrs.evolve(caller, limits=CallerLimits(project=project.limits))

    async def hear(self) -> None:
        """Look again at once, because something was changed here; when MongoDB is away, the next round will."""
        self._entries.clear()
        with suppress(StoreUnavailable):
            await self.refresh()

    async def refresh(self) -> None:
        """Look at all keys in use again, and write down that they were. Raises StoreUnavailable."""
        self._forget_unused()
        await self._load([*self._entries])
        if self.named:
            self._of_named = await self.projects.find_all(self.named)
        if not self.is_needed:
            self.is_needed = await self.keys.exist()
        await self._note_use()

    def _is_fresh(self, entry: _Entry) -> bool:
        return self.clock.monotonic_s() - entry.checked_s < TRUSTED_S

    def _judge(self, entry: _Entry) -> Caller:
        key, now = entry.key, self.clock.now()
        if key is None or entry.caller is None:
            raise UnknownKey("the API key is unknown")
        if key.revoked_at is not None:
            raise KeyRevoked("the API key was revoked")
        for ends_at in (entry.good_until, *(limits.expires_at for _, limits in entry.caller.limits)):
            _refuse_expired(ends_at, now)
        if entry.project is not None and entry.project.archived_at is not None:
            raise ProjectArchived("the project is archived")
        return entry.caller

    async def _look_once(self, digest: bytes) -> _Entry:
        """Look, together with whoever asks for the same now."""
        look = self._looks.get(digest)
        if look is None:
            look = self._looks[digest] = asyncio.create_task(self._look(digest))
            look.add_done_callback(partial(self._end_look, digest))
        return await outcome_of(look)

    def _end_look(self, digest: bytes, look: asyncio.Task[_Entry]) -> None:
        del self._looks[digest]
        if not look.cancelled():
            look.exception()  # whoever asked may have hung up meanwhile

    async def _look(self, digest: bytes) -> _Entry:
        while len(self._entries) >= MOST_ENTRIES:
            del self._entries[next(iter(self._entries))]
        await self._load([digest])
        return self._entries[digest]

    async def _load(self, digests: Sequence[bytes]) -> None:
        if not digests:
            return
        checked_s = self.clock.monotonic_s()
        keys = await self.keys.find_by_digests(digests)
        projects = await self.projects.find_all({key.project for key in keys}) if keys else {}
        found = {secret.digest: key for key in keys for secret in key.secrets}
        for digest in digests:
            old, key = self._entries.get(digest), found.get(digest)
            entry = (
                _Entry(checked_s, checked_s) if old is None else _Entry(checked_s, old.used_s, noted_s=old.noted_s)
            )
            if key is not None:
                entry.key, entry.project = key, projects.get(key.project)
                entry.caller = self._caller_of(key, entry.project)
                entry.good_until = next(each.good_until for each in key.secrets if each.digest == digest)
            self._entries[digest] = entry

    def _caller_of(self, key: StoredKey, project: Project | None) -> Caller:
        limits = CallerLimits(project=NO_LIMITS if project is None else project.limits, key=key.limits)
        caller = Caller(
            project=key.project,
            key=key.id,
            scopes=frozenset(key.scopes),
            limits=limits if any(True for _ in limits) else UNLIMITED,
        )
        return self.roles.given_to(caller)

    def _forget_unused(self) -> None:
        """Forget what nobody asked for lately, and of what is nobody's everything."""
        now_s = self.clock.monotonic_s()
        self._entries = {
            digest: entry
            for digest, entry in self._entries.items()
            if entry.key is not None and now_s - entry.used_s < UNUSED_S
        }

    async def _note_use(self) -> None:
        now_s, every_s = self.clock.monotonic_s(), USE_WRITTEN_EVERY.total_seconds()
        used = [
            entry
            for entry in self._entries.values()
            if entry.key is not None
            and (entry.noted_s is None or (entry.used_s > entry.noted_s and now_s - entry.noted_s >= every_s))
        ]
        if used:
            await self.keys.note_use({entry.key.id for entry in used if entry.key}, self.clock.now())
        for entry in used:
            entry.noted_s = now_s


def _refuse_expired(ends_at: datetime | None, now: datetime) -> None:
    if ends_at is not None and ends_at <= now:
        raise KeyExpired("the API key has expired")
