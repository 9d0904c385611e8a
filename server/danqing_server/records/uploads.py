"""Pictures that are sent ahead of the tasks that refer to them."""

from __future__ import annotations

from datetime import datetime

import attrs

__all__ = ["Upload"]


@attrs.frozen(kw_only=True)
class Upload:
    """A picture that was sent ahead of the tasks that may refer to it; `key` is where it stands in our storage."""

    id: str
    key: str
    sha256: str
    media_type: str
    width: int
    height: int
    size_bytes: int
    created_at: datetime
    expires_at: datetime
    owner: str | None = None
