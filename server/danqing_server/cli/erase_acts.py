"""What `danqing erase` does: it counts, asks, erases as one more process of the server, and looks what is left."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import typer

from danqing_server.access.caller import LOCAL
from danqing_server.cli.access_acts import actor
from danqing_server.cli.backup_acts import progress, quiet_and_private, say
from danqing_server.cli.environment import environment_of
from danqing_server.cli.exits import Ended, Exit
from danqing_server.cli.showing import clean
from danqing_server.clock import Clock
from danqing_server.composition.erasure import make_erasure
from danqing_server.composition.process import open_process
from danqing_server.desk.erasure import Erased
from danqing_server.errors import SettingsError
from danqing_server.plugins.registry import load_registry
from danqing_server.settings.reading import read_settings
from danqing_server.settings.server import Settings
from danqing_server.store.belongings import Belongings, Whose
from danqing_server.store.client import Database, connect_operator
from danqing_server.store.dumping import require_used
from danqing_server.store.projects import ProjectStore
from danqing_server.store.reach import Reach
from danqing_server.store.remains import Named, RemainsStore
from danqing_server.supervision.embedded.borrowing import borrowed_servers

__all__ = ["Wanted", "erase"]

_OWN = "the project itself; `danqing projects archive` shuts it"
_WHY_KEPT = {
    "danqing_audit": "what administrators did",
    "danqing_ledger": "what was paid, for the books",
    "danqing_stats": "sums of the books",
    "danqing_budgets": "what counts in limits",
    "danqing_projects": _OWN,
    "danqing_api_keys": _OWN,
    "danqing_webhooks": _OWN,
    "danqing_sessions": "who is signed in with the project's keys, for hours",
}
_LEFT = {
    "danqing_deliveries": "owed to webhooks: they go once they were delivered or given up; erase again then",
    "danqing_deleted": "owed to webhooks, or looked at again within a minute",
    "danqing_batch_lines": "of a batch that is being taken in, or was given up: gone within an hour",
}
_WORDS = {
    "tasks": "tasks with their files",
    "unfinished": "of them not finished: these are cancelled",
    "batches": "batches",
    "lines": "lines of batches",
    "uploads": "uploads",
    "users": "user records",
    "sessions": "sign-ins to the studio",
    "deliveries": "deliveries to webhooks",
}


@attrs.frozen(kw_only=True)
class Wanted:
    """What was asked for; see `cli.erase`."""

    user: str | None
    project: str | None
    dry_run: bool
    sure: bool
    waits: bool


@attrs.frozen(kw_only=True)
class _Left:
    """How many documents name it still, by collection: those that should not, and those that do for a reason."""

    left: Mapping[str, int]
    kept: Mapping[str, int]


def erase(wanted: Wanted, env_file: Path | None, *, as_json: bool) -> int:
    """Erase, or say how much there is; returns the exit code. Raises DanqingError, Ended."""
    _require_names(wanted)
    settings = read_settings(environment_of(env_file))
    if not (wanted.dry_run or wanted.sure or sys.stdin.isatty()):
        raise SettingsError("nobody can be asked here: say --yes to erase, or --dry-run to see how much there is")
    with quiet_and_private():
        return asyncio.run(_erase(wanted, settings, as_json=as_json))


def _require_names(wanted: Wanted) -> None:
    """Raise SettingsError where it is not said whose: an empty name is a script's variable that was never set."""
    if wanted.user is None and wanted.project is None:
        raise SettingsError("say whose: --user ID, --project NAME, or both for one project's user")
    for option, name in (("--user", wanted.user), ("--project", wanted.project)):
        if name is not None and not (name and name.isprintable() and _is_utf8(name)):
            raise SettingsError(f"{option}: {clean(ascii(name))} is no name")


def _is_utf8(name: str) -> bool:
    return name.encode(errors="replace").decode() == name


async def _erase(wanted: Wanted, settings: Settings, *, as_json: bool) -> int:
    async with borrowed_servers(settings) as served, connect_operator(served) as database:
        await require_used(database)
        whose, name = await _whose(wanted, database)
        counted = await Belongings(database).count(whose, Clock().now())
        if wanted.dry_run:
            say(_data(name, counted), _counted(name, counted), as_json=as_json)
            return Exit.DONE
        if not wanted.sure:
            _ask(name, counted)
        done = await _carry_out(served, database, whose, waits=wanted.waits)
        left = await _look(database, whose, served) if wanted.waits else None
    say(_data(name, done.counts, done, left), _told(name, done, left), as_json=as_json)
    return Exit.FAILED if done.refused or (left is not None and left.left) else Exit.DONE


async def _whose(wanted: Wanted, database: Database) -> tuple[Whose, str]:
    """Return whose things are meant, and how that is said."""
    if wanted.project is None:
        return Whose(user=wanted.user, reach=Reach.everybody()), f"user {wanted.user}"
    found = await ProjectStore(database).find(wanted.project)
    project = wanted.project if found is None else found.id
    reach = Reach.of(None if project == LOCAL else project)
    name = f"project {project}" if wanted.user is None else f"user {wanted.user} of project {project}"
    return Whose(user=wanted.user, reach=reach), name


def _ask(name: str, counted: Mapping[str, int]) -> None:
    """Have a person say that they mean it. Raises Ended."""
    sys.stderr.writelines(f"{line}\n" for line in _counted(name, counted))
    try:
        is_sure = typer.confirm("Erase all of it, for good?", err=True)
    except typer.Abort as error:  # Ctrl-C, or the end of what is typed
        raise Ended(Exit.INTERRUPTED, "nothing was erased") from error
    if not is_sure:
        raise Ended(Exit.FAILED, "nothing was erased")


async def _carry_out(settings: Settings, database: Database, whose: Whose, *, waits: bool) -> Erased:
    registry = load_registry(settings)
    async with open_process(attrs.evolve(settings, role="api"), registry) as process:
        services = process.services
        subject = "(user)" if whose.user is not None else str(whose.reach.filter["owner"] or LOCAL)
        await services.administration.note(actor(), "tasks.erased", subject, {})
        return await make_erasure(services, database, progress()).erase(whose, waits=waits)


async def _look(database: Database, whose: Whose, settings: Settings) -> _Left:
    """Search every document for the name."""
    kept_in = set(_WHY_KEPT)
    if whose.user is not None:
        kept_in = {"danqing_audit"} if settings.ledger_forgets else {"danqing_audit", "danqing_ledger"}
    left, kept = Counter[str](), Counter[str]()
    name = whose.user if whose.user is not None else whose.reach.filter["owner"]
    if name is None:  # what has no owner has no name either
        return _Left(left={}, kept={})
    named = Named.PROJECT if whose.user is None else Named.USER
    async for remain in RemainsStore(database).values(name, named, reach=whose.reach):
        if remain.why is None:
            (kept if remain.collection in kept_in else left)[remain.collection] += 1
    return _Left(left=left, kept=kept)


def _data(name: str, counts: Mapping[str, int], done: Erased | None = None, left: _Left | None = None) -> Any:
    counted = {word: counts.get(word, 0) for word in _WORDS if word != "unfinished" or done is None}
    if done is None:
        return {"erased": False, "whose": name, **counted}
    nothing = None if left is None else not (left.left or done.refused)
    remains = None if left is None else attrs.asdict(left)
    shown = {"erased": True, "whose": name, **counted, "refused": dict(done.refused)}
    return {**shown, "remains": remains, "nothing_left": nothing}


def _counted(name: str, counts: Mapping[str, int]) -> list[str]:
    found = [f"  {counts[word]} {said}" for word, said in _WORDS.items() if counts.get(word)]
    return [f"of {clean(name)} there are:", *found] if found else [f"nothing is stored of {clean(name)}"]


def _told(name: str, done: Erased, left: _Left | None) -> list[str]:
    lines = [f"  {done.counts[word]} {said}" for word, said in _WORDS.items() if done.counts.get(word)]
    lines = [f"of {clean(name)} were erased:", *lines] if lines else [f"nothing was found of {clean(name)}"]
    lines += [f"{count} stay: {code}; erase again" for code, count in done.refused.items()]
    if left is None:
        return [*lines, "looked at once more within a minute; then make it again, or see `danqing remains`"]
    lines += [f"left in {where}: {count} ({_LEFT.get(where, 'named there')})" for where, count in left.left.items()]
    lines += [f"kept in {where}: {count} ({_WHY_KEPT[where]})" for where, count in left.kept.items()]
    return lines if left.left or done.refused else [*lines, f"nothing is left of {clean(name)}"]
