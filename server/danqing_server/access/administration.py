"""What an administrator may do with projects and keys; each act is written down before it is done.

An act without a trace would be worse than a trace of an act that then failed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from danqing_plugins import Message, Problem
from danqing_server.access.caller import ADMINISTRATION, Caller
from danqing_server.access.key_format import ADMIN, CLIENT, new_secret, shown_of
from danqing_server.access.keys import digest_of
from danqing_server.clock import Clock
from danqing_server.codec.documents import value_of
from danqing_server.errors import Conflict, InvalidSubmission, NotFound
from danqing_server.ids import new_id
from danqing_server.records.tenancy import (
    CLIENT_SCOPES,
    KEY_SCOPES,
    NO_LIMITS,
    AuditEntry,
    KeySecret,
    Limits,
    Project,
    Scope,
    StoredKey,
)
from danqing_server.settings.values import MADE_ID, PROJECT_NAME
from danqing_server.store.api_keys import ApiKeyStore
from danqing_server.store.audit import AuditStore
from danqing_server.store.projects import ProjectStore

__all__ = ["ADMIN_SCOPES", "GRACE", "LONGEST_GRACE", "Administration"]

GRACE = timedelta(days=1)
LONGEST_GRACE = timedelta(days=30)
ADMIN_SCOPES = frozenset({Scope.READ, Scope.USAGE, Scope.ADMIN})
"""What an administrator's key has unless something else is asked for."""

APART = Message(
    key="admin_apart",
    en="a key with `admin` cannot have `generate`: make two keys",
    zh="`admin` 与 `generate` 不能属于同一个密钥，请分别创建",
)
NO_SCOPES = Message(key="no_scopes", en="must name at least one scope", zh="至少需要一个权限")
NO_PROJECT_ID = Message(
    key="no_project_id",
    en="must have 1 to 64 letters, digits, `_`, `.` or `-`, and not look like an id made here",
    zh="必须为 1 到 64 个字母、数字、`_`、`.` 或 `-`，且不能形如自动生成的 id",
)
CHANGED_MEANWHILE = Message(
    key="key_changed_meanwhile",
    en="the key was rotated or revoked meanwhile; look at it again",
    zh="该密钥刚刚被轮换或吊销，请重新查看",
)
IS_REVOKED = Message(key="key_is_revoked", en="the key is revoked for good", zh="该密钥已被永久吊销")


@attrs.define(eq=False)
class Administration:
    """Makes, changes, rotates and revokes. *actor* is who does it: a key's id, or a person at the command line."""

    projects: ProjectStore
    keys: ApiKeyStore
    audit: AuditStore
    clock: Clock

    async def project(self, named: str) -> Project:
        """Return the project of that id or name. Raises NotFound."""
        found = await self.projects.find(named)
        if found is None:
            raise NotFound("project", named)
        return found

    async def name_of(self, caller: Caller) -> str:
        """Return what people call who asks: the person that signed in, else the name of the key."""
        return caller.user or await self.name_of_key(caller.key)

    async def name_of_key(self, key_id: str) -> str:
        """Return what people call a key: its id where nobody named it."""
        found = await self.keys.find(key_id)
        return key_id if found is None else found.name

    async def note(self, actor: str, action: str, subject: str, changed: Mapping[str, Any]) -> None:
        """Write down what *actor* is about to do to something of the whole server's. Raises StoreUnavailable."""
        await self._note(actor, action, subject, None, changed)

    async def create_project(
        self, actor: str, name: str, *, id_: str | None = None, limits: Limits = NO_LIMITS
    ) -> Project:
        """Make a project. *id_* is for one of `DANQING_API_KEYS`, whose tasks are to be its own.

        Raises:
            Conflict: there is one of that name, or id.
            InvalidSubmission: *id_* cannot be one.
        """
        if id_ is not None and (not re.fullmatch(PROJECT_NAME, id_) or re.fullmatch(MADE_ID, id_)):
            raise InvalidSubmission([Problem(field="id", message=NO_PROJECT_ID(), value=id_[:80])])
        now = self.clock.now()
        project = Project(
            id=id_ or f"prj_{new_id(self.clock.now_ms())}",
            name=name,
            created_at=now,
            created_by=actor,
            limits=limits,
        )
        await self.projects.check_free(name, id_=project.id)
        await self._note(actor, "project.created", project.id, project.id, {"name": name, "limits": limits})
        await self.projects.insert(project)
        return project

    async def update_project(self, actor: str, named: str, **sets: Any) -> Project:
        """Set `name` or `limits` of a project. Raises NotFound, Conflict."""
        project = await self.project(named)
        if "name" in sets:
            await self.projects.check_free(sets["name"], but=project.id)
        await self._note(actor, "project.updated", project.id, project.id, sets)
        return await self._set_project(project, sets)

    async def archive_project(self, actor: str, named: str, *, archived: bool = True) -> Project:
        """Close a project, so that its keys are refused, or open it again. Raises NotFound."""
        project = await self.project(named)
        if (project.archived_at is not None) == archived:
            return project
        await self._note(actor, f"project.{'archived' if archived else 'restored'}", project.id, project.id, {})
        return await self._set_project(project, {"archived_at": self.clock.now() if archived else None})

    async def key(self, key_id: str) -> StoredKey:
        """Return the key of that id. Raises NotFound."""
        found = await self.keys.find(key_id)
        if found is None:
            raise NotFound("key", key_id)
        return found

    async def create_key(
        self,
        actor: str,
        project: str | None,
        name: str,
        *,
        scopes: Sequence[Scope] | None = None,
        limits: Limits = NO_LIMITS,
    ) -> tuple[StoredKey, str]:
        """Make a key of *project*, and return it with its secret, which is nowhere else.

        *project* None: an administrator's own. *scopes* None: all that a client may have, or that administrator.

        Raises:
            NotFound: there is no such project.
            InvalidSubmission: the scopes do not go together.
        """
        owner = ADMINISTRATION if project is None else (await self.project(project)).id
        wanted = (ADMIN_SCOPES if project is None else CLIENT_SCOPES) if scopes is None else frozenset(scopes)
        _check_scopes(wanted)
        now, secret = self.clock.now(), new_secret(ADMIN if Scope.ADMIN in wanted else CLIENT)
        key = StoredKey(
            id=f"key_{new_id(self.clock.now_ms())}",
            project=owner,
            name=name,
            scopes=tuple(sorted(wanted)),
            secrets=(_kept(secret, now),),
            created_at=now,
            created_by=actor,
            limits=limits,
        )
        said = {"name": name, "scopes": list(key.scopes), "limits": limits}
        await self._note(actor, "key.created", key.id, owner, said)
        await self.keys.insert(key)
        return key, secret

    async def update_key(self, actor: str, key_id: str, **sets: Any) -> StoredKey:
        """Set `name`, `scopes` or `limits` of a key. Raises NotFound, Conflict, InvalidSubmission."""
        key = await self._living(key_id)
        if "scopes" in sets:
            _check_scopes(frozenset(sets["scopes"]))
            sets["scopes"] = tuple(sorted(set(sets["scopes"])))
        await self._note(actor, "key.updated", key.id, key.project, sets)
        return await self._set_key(key, sets)

    async def rotate_key(self, actor: str, key_id: str, grace: timedelta = GRACE) -> tuple[StoredKey, str]:
        """Give a key a new secret, and return both; the one before is good for *grace* longer.

        Raises:
            NotFound: there is no such key.
            Conflict: it is revoked, or somebody else changes it at this moment.
        """
        key = await self._living(key_id)
        now = self.clock.now()
        ends_at = now + grace
        secret = new_secret(ADMIN if Scope.ADMIN in key.scopes else CLIENT)
        before = [
            attrs.evolve(each, good_until=min(each.good_until or ends_at, ends_at))
            for each in key.secrets
            if each.good_until is None or each.good_until > now
        ]
        await self._note(actor, "key.rotated", key.id, key.project, {"old_good_until": ends_at})
        return await self._set_key(key, {"secrets": (_kept(secret, now), *before)}), secret

    async def revoke_key(self, actor: str, key_id: str) -> StoredKey:
        """Take a key back for good; a second time changes nothing. Raises NotFound."""
        key = await self.key(key_id)
        if key.revoked_at is not None:
            return key
        await self._note(actor, "key.revoked", key.id, key.project, {})
        revoked = await self.keys.update(key, {"revoked_at": self.clock.now()})
        return await self.revoke_key(actor, key_id) if revoked is None else revoked  # rotated meanwhile

    async def note_opened(self, actor: str, user: str | None, task_id: str, project: str | None) -> None:
        """Write down that an operator looks at a task of another project. *user*: who it is, as far as is known."""
        await self._note(actor, "task.opened", task_id, project, {} if user is None else {"user": user})

    async def _living(self, key_id: str) -> StoredKey:
        key = await self.key(key_id)
        if key.revoked_at is not None:
            raise Conflict(IS_REVOKED(), code="key_revoked")
        return key

    async def _set_key(self, key: StoredKey, sets: Mapping[str, Any]) -> StoredKey:
        changed = await self.keys.update(key, sets)
        if changed is None:
            raise Conflict(CHANGED_MEANWHILE(), code="key_changed")
        return changed

    async def _set_project(self, project: Project, sets: Mapping[str, Any]) -> Project:
        changed = await self.projects.update(project.id, sets) if sets else project
        if changed is None:
            raise NotFound("project", project.id)
        return changed

    async def _note(
        self, actor: str, action: str, subject: str, project: str | None, changed: Mapping[str, Any]
    ) -> None:
        entry = AuditEntry(
            id=new_id(self.clock.now_ms()),
            at=self.clock.now(),
            actor=actor,
            action=action,
            subject=subject,
            project=project,
            changed={name: value_of(value) for name, value in changed.items()},
        )
        await self.audit.insert(entry)


def _kept(secret: str, now: datetime) -> KeySecret:
    return KeySecret(digest=digest_of(secret), shown=shown_of(secret), created_at=now)


def _check_scopes(scopes: frozenset[Scope]) -> None:
    if not scopes or not scopes <= KEY_SCOPES:
        raise InvalidSubmission([Problem(field="scopes", message=NO_SCOPES())])
    if {Scope.ADMIN, Scope.GENERATE} <= scopes:
        raise InvalidSubmission([Problem(field="scopes", message=APART())])
