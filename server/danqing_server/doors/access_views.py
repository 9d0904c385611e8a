"""Projects, keys, limits and the audit log, as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from danqing_server.doors.access_shapes import AuditShape, KeyShape, LimitsShape, ProjectShape
from danqing_server.doors.costs import price_text
from danqing_server.records.tenancy import AuditEntry, Limits, Project, StoredKey

__all__ = ["audit_view", "key_view", "limits_view", "project_view"]


def limits_view(limits: Limits) -> LimitsShape:
    """Return limits as they are sent."""
    return {
        "models": None if limits.models is None else list(limits.models),
        "spend_per_day": _prices(limits.spend_per_day_micro),
        "spend_per_month": _prices(limits.spend_per_month_micro),
        "requests_per_minute": limits.requests_per_minute,
        "pictures_in_flight": limits.pictures_in_flight,
        "waiting_tasks": limits.waiting_tasks,
        "addresses": None if limits.addresses is None else list(limits.addresses),
        "expires_at": limits.expires_at,
    }


def _prices(amounts: Mapping[str, int]) -> dict[str, str] | None:
    return {currency: price_text(micro) for currency, micro in sorted(amounts.items())} or None


def project_view(project: Project) -> ProjectShape:
    """Return a project as it is sent."""
    return {
        "id": project.id,
        "name": project.name,
        "limits": limits_view(project.limits),
        "created_at": project.created_at,
        "created_by": project.created_by,
        "archived_at": project.archived_at,
    }


def key_view(key: StoredKey, now: datetime) -> KeyShape:
    """Return a key as it is sent; secrets whose time is over are left out."""
    living = [each for each in key.secrets if each.good_until is None or each.good_until > now]
    return {
        "id": key.id,
        "project": key.project,
        "name": key.name,
        "scopes": [scope.value for scope in key.scopes],
        "secrets": [
            {"shown": each.shown, "created_at": each.created_at, "good_until": each.good_until} for each in living
        ],
        "limits": limits_view(key.limits),
        "state": _state(key, now),
        "created_at": key.created_at,
        "created_by": key.created_by,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }


def _state(key: StoredKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    ends_at = key.limits.expires_at
    return "expired" if ends_at is not None and ends_at <= now else "active"


def audit_view(entry: AuditEntry) -> AuditShape:
    """Return an entry of the audit log as it is sent."""
    return {
        "id": entry.id,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "project": entry.project,
        "changed": dict(entry.changed),
    }
