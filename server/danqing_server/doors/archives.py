"""Stored outputs as members of archives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from danqing_server.assets.storage import Assets
from danqing_server.errors import NotFound
from danqing_server.http.zips import Member
from danqing_server.records.outputs import Asset

__all__ = ["extension_of", "stored_member"]


async def stored_member(
    assets: Assets, asset: Asset, name: str, at: datetime, window_bytes: Callable[[], int]
) -> Member | None:
    """Return *asset* as a file called *name*; None when it is no longer stored: its task was deleted meanwhile."""
    try:
        await assets.describe(asset.key)
    except NotFound:
        return None
    chunks = assets.stream(asset.key, 0, asset.size_bytes, window_bytes)
    return Member(name=name, size_bytes=asset.size_bytes, at=at, chunks=chunks)


def extension_of(asset: Asset) -> str:
    """Return how the name of its file ends, without the dot."""
    return asset.key.rpartition(".")[2]
