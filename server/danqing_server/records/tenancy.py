"""Who may do what, and how much of it, as it is stored and handed on: projects, keys, scopes and limits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import attrs

__all__ = [
    "CLIENT_SCOPES",
    "KEY_SCOPES",
    "NO_LIMITS",
    "AuditEntry",
    "KeySecret",
    "Limits",
    "Project",
    "Scope",
    "StoredKey",
    "StudioSession",
]


class Scope(StrEnum):
    """What a caller may do. Each route says which of these it needs, where it is declared."""

    GENERATE = "generate"
    """Ask for outputs, which may cost money, and change or delete what its project made."""

    READ = "read"
    """Look at what its project made, and at what this server offers."""

    WEBHOOKS = "webhooks"
    """Say where its project's events are sent."""

    USAGE = "usage"
    """See what its project spent."""

    ADMIN = "admin"
    """Make, limit and revoke projects and keys, any of them. Never together with `GENERATE`."""

    OPERATE = "operate"
    """Keep the lanes running, and see every project's tasks without their prompts. An administrator has it, and
    whom `DANQING_OPERATORS` names; no key is stored with it."""

    EVERY_ACCOUNT = "every_account"
    """See what every project spent: whom `DANQING_VIEWERS` names has it, and `USAGE`, and nothing else."""

    EVERY_PROJECT = "every_project"
    """Touch what every project made. No stored key has it: it is the local caller's, who is asked for no key."""


CLIENT_SCOPES = frozenset({Scope.GENERATE, Scope.READ, Scope.WEBHOOKS, Scope.USAGE})
"""What a client's key may have, and has unless less is asked for."""

KEY_SCOPES = CLIENT_SCOPES | {Scope.ADMIN}
"""What a key may have at all."""

_NO_AMOUNTS: Mapping[str, int] = MappingProxyType({})


@attrs.frozen(kw_only=True)
class Limits:
    """What bounds one project, or one key of it. None is no limit; 0 is none allowed.

    Money stands by currency (`CNY`), in millionths; a currency that is not named is not limited.
    """

    models: tuple[str, ...] | None = None
    """Patterns (`doubao-*`) of which a model has to match one."""

    spend_per_day_micro: Mapping[str, int] = attrs.field(default=_NO_AMOUNTS, hash=False)
    spend_per_month_micro: Mapping[str, int] = attrs.field(default=_NO_AMOUNTS, hash=False)
    requests_per_minute: int | None = None
    """Of those that need the scope `generate`: asking for a task's state is free."""

    pictures_in_flight: int | None = None
    waiting_tasks: int | None = None
    addresses: tuple[str, ...] | None = None
    """Networks (`10.0.0.0/8`, `2001:db8::1/128`) of which the client's address has to be in one."""

    expires_at: datetime | None = None

    @property
    def are_none(self) -> bool:
        """Whether nothing is limited."""
        return self == NO_LIMITS


NO_LIMITS = Limits()


@attrs.frozen(kw_only=True)
class Project:
    """Who owns tasks, outputs, users, webhooks and what they cost.

    `id` is what its tasks have as owner. A project of `DANQING_API_KEYS` needs no record; one whose id is such a
    name limits it.
    """

    id: str
    name: str
    created_at: datetime
    created_by: str
    limits: Limits = NO_LIMITS
    archived_at: datetime | None = None


@attrs.frozen(kw_only=True)
class KeySecret:
    """One secret of a key. `shown` is what people tell it by; `good_until` None: until another takes its place."""

    digest: bytes = attrs.field(repr=False)
    shown: str
    created_at: datetime
    good_until: datetime | None = None


@attrs.frozen(kw_only=True)
class StoredKey:
    """A key of a project, without its secrets: of these there are digests, the newest first."""

    id: str
    project: str
    name: str
    scopes: tuple[Scope, ...]
    secrets: tuple[KeySecret, ...]
    created_at: datetime
    created_by: str
    limits: Limits = NO_LIMITS
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


@attrs.frozen(kw_only=True)
class StudioSession:
    """A browser that is signed in to the studio with a key.

    `id` is the digest of what its cookie holds. `sealed` is the key's digest, which only that cookie opens: a key
    of settings may be short enough to be guessed from a digest. `user` is who signed in, `agent` the browser's own
    word for itself.
    """

    id: str
    key: str
    project: str
    sealed: bytes = attrs.field(repr=False)
    user: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    agent: str | None = None


@attrs.frozen(kw_only=True)
class AuditEntry:
    """Something an administrator did. `changed` holds what was set, and never a secret."""

    id: str
    at: datetime
    actor: str
    action: str
    subject: str
    project: str | None = None
    changed: Mapping[str, Any] = attrs.field(default=MappingProxyType({}), hash=False)
