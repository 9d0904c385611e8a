"""The user records of the old API."""

from __future__ import annotations

from datetime import datetime

import attrs

__all__ = ["User"]


@attrs.frozen(kw_only=True)
class User:
    """A user record of the old API; tasks refer to users by free text and do not need one."""

    id: str
    email: str
    name: str
    created_at: datetime
    updated_at: datetime
    owner: str | None = None
