"""Opens the storage that the settings name."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp

from danqing_server.assets.arrivals import Arrivals
from danqing_server.assets.bucket import open_bucket
from danqing_server.assets.folder import PRIVATE_MODE, local_folder, open_folder
from danqing_server.assets.paired import Pair
from danqing_server.assets.places import Place
from danqing_server.assets.results import ResultSessions
from danqing_server.assets.sources import DownloadLimits
from danqing_server.assets.storage import Assets
from danqing_server.assets.storage_failures import storage_failures
from danqing_server.assets.thumbnails import AT_ONCE_WIDTH
from danqing_server.errors import SettingsError
from danqing_server.settings.server import Settings

__all__ = ["open_assets", "require_places"]

DISK_THREADS = 16
MEGABYTE = 1024 * 1024
LARGE_TOTAL_S = 1800.0


def require_places(settings: Settings) -> None:
    """See that the storages which the settings name can be; nothing is asked of them.

    Raises:
        SettingsError: one cannot, or has no links though they are asked for.
    """
    _require_links(settings)
    for variable, url in (
        ("DANQING_ASSETS_URL", settings.assets_url),
        ("DANQING_ASSETS_ALSO", settings.assets_also),
    ):
        if url is not None and local_folder(url, settings.data_dir) is None:
            open_bucket(url, settings.environment, variable)


def _require_links(settings: Settings) -> None:
    is_s3 = (settings.assets_url or "").startswith(("s3://", "s3a://"))
    if settings.picture_redirect_s and not is_s3:
        raise SettingsError("DANQING_PICTURE_REDIRECT: only an s3:// DANQING_ASSETS_URL has links; allowed: 0")


def _open_place(
    settings: Settings, root: Path | None, spool: Path, disk: ThreadPoolExecutor, *, patient: bool
) -> Place:
    """Open what the settings name, with the place of what is still to be moved. Blocks; raises OSError."""
    new: Place
    new = (
        open_bucket(settings.assets_url or "", settings.environment, patient=patient)
        if root is None
        else open_folder(root, spool, disk)
    )
    also = settings.assets_also
    if also is None:
        return new
    old_root = local_folder(also, settings.data_dir)
    if old_root is None:
        old = open_bucket(also, settings.environment, "DANQING_ASSETS_ALSO", patient=patient)
        return Pair(new=new, old=old, spool=spool, disk=disk)
    old_root.mkdir(PRIVATE_MODE, parents=True, exist_ok=True)
    return Pair(new=new, old=open_folder(old_root, spool, disk), spool=spool, disk=disk)


def open_assets(
    settings: Settings,
    session: aiohttp.ClientSession,
    *,
    results: ResultSessions | None = None,
    limits: DownloadLimits | None = None,
    place: Place | None = None,
    patient: bool = False,
) -> Assets:
    """Connect to the storage that the settings name, and make its folders when they are missing.

    *session*, or whichever *results* chooses, is used for downloads and stays the caller's. *limits* and *place*
    replace what the settings say. *patient* is who goes through all of a bucket, see `open_bucket`.

    Raises:
        StorageUnavailable: the folder cannot be made or written.
        SettingsError: `DANQING_ASSETS_URL` names a storage that cannot be, or one without links that are asked for.
    """
    _require_links(settings)
    disk = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="pictures")
    root = local_folder(settings.assets_url, settings.data_dir)
    with storage_failures("opening the picture storage"):
        # Beside the pictures when they are local: a rename cannot cross file systems or bind mounts.
        spool = (settings.data_dir if root is None else root) / (".spool" if root else "spool")
        spool.parent.mkdir(PRIVATE_MODE, parents=True, exist_ok=True)
        spool.mkdir(PRIVATE_MODE, exist_ok=True)
        if place is None:
            place = _open_place(settings, root, spool, disk, patient=patient)
    arrivals = Arrivals(
        session=session,
        limits=limits or DownloadLimits(max_bytes=settings.max_picture_bytes),
        large_limits=limits
        or DownloadLimits(max_bytes=settings.max_video_mb * MEGABYTE, total_s=LARGE_TOTAL_S, accept="*/*"),
        max_pixels=settings.max_picture_pixels,
        decoders=ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="decode"),
        large_decoders=ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 2), thread_name_prefix="decode-large"),
        asked_decoders=ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="decode-asked"),
        results=results,
        thumbnail_width=AT_ONCE_WIDTH if settings.thumbnails == "at_once" else None,
    )
    return Assets(place=place, arrivals=arrivals, spool=spool, disk=disk, links_s=settings.picture_redirect_s)
