"""What the commands of `danqing backup` do: take one, prove one, list them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import attrs

from danqing_server.assets.opening import open_assets
from danqing_server.backup.errors import BackupError
from danqing_server.backup.manifest import Manifest
from danqing_server.backup.pruning import prune
from danqing_server.backup.repository import Repository
from danqing_server.backup.taking import take
from danqing_server.backup.verifying import Verified, verify
from danqing_server.cli.environment import environment_of
from danqing_server.cli.exits import Ended, Exit
from danqing_server.clock import Clock
from danqing_server.codec.bodies import dump_json
from danqing_server.log import configure_logging
from danqing_server.settings.reading import read_settings
from danqing_server.settings.server import Settings
from danqing_server.store.client import connect_operator
from danqing_server.store.dumping import open_dump, require_used
from danqing_server.store.restoring import RestoreStore
from danqing_server.supervision.embedded.borrowing import borrowed_mongodb

__all__ = ["list_all", "progress", "prove", "quiet_and_private", "say", "size_text", "take_one"]

MOST_SHOWN = 20


def take_one(folder: Path, keep: int | None, env_file: Path | None, *, as_json: bool) -> int:
    """Take a backup and remove old ones; returns the exit code. Raises DanqingError."""
    settings = read_settings(environment_of(env_file))
    with quiet_and_private(), Repository.make(folder).locked() as repository:
        manifest = asyncio.run(_backup(settings, repository))
        removed, refused = _pruned(repository, keep)
    view = {**_view(manifest), "removed": removed}
    say(view, [_line(manifest), *(f"removed {run}" for run in removed)], as_json=as_json)
    troubles = [_lacking(manifest.lost)] if manifest.lost else []
    if refused is not None:
        troubles.append(f"{manifest.id} is taken, but not all that is too old could be removed: {refused}")
    if troubles:
        raise Ended(Exit.FAILED, *troubles)
    return Exit.DONE


def _pruned(repository: Repository, keep: int | None) -> tuple[Sequence[str], BackupError | None]:
    """Return which backups were removed, and why the rest of what none needs was not."""
    try:
        return ([] if keep is None else prune(repository, keep)), None
    except BackupError as error:
        return [], error


async def _backup(settings: Settings, repository: Repository) -> Manifest:
    async with (
        borrowed_mongodb(settings) as with_mongodb,
        connect_operator(with_mongodb) as database,
        open_dump(database) as dump,
        aiohttp.ClientSession() as session,
        open_assets(with_mongodb, session, patient=True) as assets,
    ):
        await require_used(database)
        await RestoreStore(database).require_whole()
        return await take(repository, dump, assets, Clock(), progress())


def prove(folder: Path, run: str | None, *, quick: bool, as_json: bool) -> int:
    """Prove a backup; returns the exit code. Raises DanqingError."""
    found = verify(Repository.open(folder), run, progress(), quick=quick)
    say({**attrs.asdict(found), "good": found.good}, _told(found), as_json=as_json)
    return Exit.DONE if found.good else Exit.FAILED


def _told(found: Verified) -> list[str]:
    lines = [f"{each.kind}: {each.subject}: {each.reason}" for each in found.findings[:MOST_SHOWN]]
    if found.wrong > len(lines):
        lines.append(f"and {found.wrong - len(lines)} more")
    state = "good" if found.good else f"{found.wrong} wrong"
    size = size_text(found.picture_bytes)
    return [*lines, f"{found.run}: {state}; {found.documents} documents, {found.pictures} pictures, {size}"]


def list_all(folder: Path, *, as_json: bool) -> int:
    """List the backups, with those that cannot be read; returns the exit code. Raises DanqingError."""
    repository = Repository.open(folder)
    views: list[Mapping[str, Any]] = []
    lines: list[str] = []
    for run in repository.runs():
        try:
            manifest = repository.manifest_of(run)
        except BackupError as error:
            views.append({"id": run, "error": str(error)})
            lines.append(f"{run}: {error}")
        else:
            views.append(_view(manifest))
            lines.append(_line(manifest))
    say(views, lines or ["no backups"], as_json=as_json)
    return Exit.FAILED if any("error" in view for view in views) else Exit.DONE


def _view(manifest: Manifest) -> Mapping[str, Any]:
    left_out = ("sets", "pictures", "pictures_again", "lost")
    shown = {name: value for name, value in attrs.asdict(manifest).items() if name not in left_out}
    files = manifest.pictures.entries + manifest.pictures_again.entries
    return {**shown, "documents": manifest.documents, "pictures": files, "lost": len(manifest.lost)}


def _line(manifest: Manifest) -> str:
    view = _view(manifest)
    size, new_size = size_text(manifest.picture_bytes), size_text(manifest.new_bytes)
    return (
        f"{manifest.id}: {view['documents']} documents, {view['pictures']} pictures, {size}; "
        f"new: {manifest.new_pictures} pictures, {new_size}"
    )


def _lacking(lost: Sequence[str]) -> str:
    folders = sorted({key.partition("/")[0] for key in lost})
    shown = ", ".join(folders[:MOST_SHOWN])
    return f"the storage lacks {len(lost)} pictures that tasks name, or has them damaged: {shown}"


def say(data: Any, lines: Sequence[str], *, as_json: bool) -> None:
    """Print an answer."""
    shown = [dump_json(data).decode()] if as_json else lines
    sys.stdout.write("".join(f"{line}\n" for line in shown))


@contextmanager
def quiet_and_private() -> Iterator[None]:
    """Write files for this account alone, and no log: what is wrong is told in lines."""
    configure_logging("CRITICAL")
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def progress() -> Callable[[str], None]:
    """Return what shows how far something is, to who sits at a terminal."""

    def show(line: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"{line}\n")

    return show


def size_text(size_bytes: int) -> str:
    """Return a number of bytes as people read it."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
