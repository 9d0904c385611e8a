"""`danqing projects`, `danqing keys`, `danqing audit`: the operator's tool, which talks to MongoDB itself.

It reads the server's settings, works while the server runs, and asks for no key: whoever can read the settings and
reach the database may do all of it anyway.
"""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from danqing_plugins import in_language
from danqing_server.access.administration import LONGEST_GRACE, Administration
from danqing_server.cli.arguments import Given
from danqing_server.cli.environment import environment_of
from danqing_server.cli.showing import age, show_members, show_table
from danqing_server.clock import Clock
from danqing_server.codec.bodies import dump_json
from danqing_server.doors.access_bodies import key_change, limits_of, new_key, new_project, project_change
from danqing_server.doors.access_views import audit_view, key_view, limits_view, project_view
from danqing_server.errors import InvalidSubmission, SettingsError
from danqing_server.records.tenancy import Limits
from danqing_server.settings.reading import read_settings
from danqing_server.settings.server import Settings
from danqing_server.settings.variables import duration
from danqing_server.store.api_keys import ApiKeyStore
from danqing_server.store.audit import AuditStore
from danqing_server.store.client import connect_operator
from danqing_server.store.projects import ProjectStore
from danqing_server.supervision.embedded.servers import socket_url
from danqing_server.supervision.embedded.sockets import MONGODB_SOCKET, find_socket

__all__ = ["actor", "carry_out", "limits_said"]

MOST_LISTED = 10_000
_LISTS = ("models", "addresses")
_COUNTS = ("requests_per_minute", "pictures_in_flight", "waiting_tasks")
_AMOUNTS = ("spend_per_day", "spend_per_month")


@attrs.frozen(kw_only=True)
class _Said:
    """What a command answers: rows under a head, or the members of one thing; `data` with `--json`.

    `secret` is shown once, whichever it is.
    """

    data: Any
    head: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    members: Mapping[str, object] = attrs.field(factory=dict)
    secret: str | None = None


_Act = Callable[[Administration, Given], Awaitable[_Said]]


def carry_out(act: str, arguments: Given) -> int:
    """Do what was asked for and print what came of it. Raises DanqingError."""
    settings = _with_mongodb(read_settings(environment_of(arguments.env_file)))
    try:
        said = asyncio.run(_do(settings, _ACTS[act], arguments))
    except InvalidSubmission as error:
        raise SettingsError(
            *(f"{each.field}: {in_language(each.message, 'en')}" for each in error.problems)
        ) from error
    if arguments.as_json:
        sys.stdout.write(f"{dump_json(said.data).decode()}\n")
    elif said.head:
        show_table(said.head, said.rows)
    else:
        show_members(said.members)
        _show_secret(said.secret)
    return 0


def _show_secret(secret: str | None) -> None:
    if secret is None:
        return
    show_members({"secret": secret})
    sys.stdout.flush()  # before what is said of it, also where both go to one file
    sys.stderr.write("danqing: keep the secret now: it is not shown again\n")


async def _do(settings: Settings, act: _Act, arguments: Given) -> _Said:
    async with connect_operator(settings) as database:
        stores = ProjectStore(database), ApiKeyStore(database), AuditStore(database)
        return await act(Administration(*stores, Clock()), arguments)


def _with_mongodb(settings: Settings) -> Settings:
    """Return the settings with the MongoDB that they name, or that the running server has beside it."""
    if settings.mongo_url is not None:
        return settings
    found = find_socket(settings.data_dir, MONGODB_SOCKET)
    if found is None:
        raise SettingsError(
            f"no server runs on {str(settings.data_dir.absolute())!r}, and MONGO_URL is not set: "
            "start `danqing serve`, or set DANQING_DATA_DIR or MONGO_URL as it has them"
        )
    return attrs.evolve(settings, mongo_url=socket_url(found))


def actor() -> str:
    """Return who sits at the command line, as the audit log names them."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user may have no name
        return "cli"


def limits_said(before: Limits, said: Sequence[str], taken: Sequence[str]) -> Limits:
    """Return limits changed as `--limit` and `--no-limit` say. Raises InvalidSubmission, SettingsError.

    A limit takes the place of the one before; what is said of one more than once goes together.
    """
    body: dict[str, Any] = {name: value for name, value in limits_view(before).items() if value is not None}
    if before.expires_at is not None:
        body["expires_at"] = before.expires_at.isoformat()
    for name in taken:
        if name not in limits_view(before):
            raise SettingsError(f"--no-limit {name}: no such limit; there are {', '.join(limits_view(before))}")
        body.pop(name, None)
    values: dict[str, Any] = {}
    for each in said:
        name, equals, text = each.partition("=")
        if not equals:
            raise SettingsError(f"--limit {each}: must be NAME=VALUE")
        value = _value(name, text)
        values[name] = _together(name, values[name], value) if name in values else value
    return limits_of({**body, **values})


def _value(name: str, text: str) -> Any:
    """Return what stands in JSON for it; other nonsense is left to who reads that. Raises SettingsError."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if name in _LISTS:
        return parts
    if name in _COUNTS:
        return int(text) if text.isdecimal() else text
    if name in _AMOUNTS:
        if not parts or not all(":" in part for part in parts):
            raise SettingsError(f"--limit {name}: {text!r} is not allowed; allowed: CURRENCY:AMOUNT, as CNY:100.00")
        amounts: dict[str, str] = {}
        for currency, _, amount in (part.partition(":") for part in parts):
            amounts = _together(name, amounts, {currency: amount})
        return amounts
    return text


def _together(name: str, before: Any, more: Any) -> Any:
    """Return what two values of one limit say together. Raises SettingsError: they contradict each other."""
    if name in _LISTS:
        return [*before, *more]
    if name not in _AMOUNTS:
        raise SettingsError(f"--limit {name}: is said twice, as {before} and as {more}")
    for currency in before.keys() & more.keys():
        said = f"as {before[currency]} and as {more[currency]}"
        raise SettingsError(f"--limit {name}: {currency} is said twice, {said}")
    return {**before, **more}


def _sets(arguments: Given, before: Limits) -> dict[str, Any]:
    """Return what is to be set of a project or a key."""
    sets: dict[str, Any] = {"name": arguments.name} if arguments.name is not None else {}
    if arguments.limit or arguments.no_limit:
        sets["limits"] = limits_said(before, arguments.limit, arguments.no_limit)
    return sets


async def _create_project(administration: Administration, arguments: Given) -> _Said:
    said = new_project({"name": arguments.name, "id": arguments.id})
    limits = limits_said(said.limits, arguments.limit, ())
    made = await administration.create_project(actor(), said.name, id_=said.id, limits=limits)
    return _shown(project_view(made))


async def _list_projects(administration: Administration, _arguments: Given) -> _Said:
    found = await administration.projects.list(limit=MOST_LISTED)
    rows = [(p.id, p.name, "archived" if p.archived_at else "active", _since(p.created_at)) for p in found]
    data = [project_view(each) for each in found]
    return _Said(head=("ID", "NAME", "STATE", "CREATED"), rows=rows, data=data)


async def _show_project(administration: Administration, arguments: Given) -> _Said:
    return _shown(project_view(await administration.project(arguments.project)))


async def _update_project(administration: Administration, arguments: Given) -> _Said:
    before = await administration.project(arguments.project)
    sets = _sets(arguments, before.limits)
    project_change({name: value for name, value in sets.items() if name == "name"})
    return _shown(project_view(await administration.update_project(actor(), before.id, **sets)))


async def _archive_project(administration: Administration, arguments: Given) -> _Said:
    changed = await administration.archive_project(actor(), arguments.project, archived=not arguments.undo)
    return _shown(project_view(changed))


async def _create_key(administration: Administration, arguments: Given) -> _Said:
    said = new_key({"name": arguments.name, "scopes": arguments.scope})
    limits = limits_said(said.limits, arguments.limit, ())
    made, secret = await administration.create_key(
        actor(), arguments.project, said.name, scopes=said.scopes, limits=limits
    )
    return _secret(key_view(made, _now()), secret)


async def _list_keys(administration: Administration, arguments: Given) -> _Said:
    project = None if arguments.project is None else (await administration.project(arguments.project)).id
    shown = [key_view(each, _now()) for each in await administration.keys.list(project, limit=MOST_LISTED)]
    rows = [
        (
            key["id"],
            key["project"],
            key["name"],
            key["state"],
            ",".join(key["scopes"]),
            next((each["shown"] for each in key["secrets"]), None),
            _since(key["last_used_at"]),
        )
        for key in shown
    ]
    return _Said(head=("ID", "PROJECT", "NAME", "STATE", "SCOPES", "SECRET", "LAST USED"), rows=rows, data=shown)


async def _show_key(administration: Administration, arguments: Given) -> _Said:
    return _shown(key_view(await administration.key(arguments.key), _now()))


async def _update_key(administration: Administration, arguments: Given) -> _Said:
    before = await administration.key(arguments.key)
    given = {"name": arguments.name, "scopes": arguments.scope}
    sets = key_change({name: value for name, value in given.items() if value is not None})
    sets |= _sets(arguments, before.limits)
    return _shown(key_view(await administration.update_key(actor(), before.id, **sets), _now()))


async def _rotate_key(administration: Administration, arguments: Given) -> _Said:
    try:
        grace = timedelta(seconds=duration(0, LONGEST_GRACE.total_seconds())(arguments.grace))
    except ValueError as error:
        raise SettingsError(f"--grace {arguments.grace}: must be a time of at most 30 days, `24h`") from error
    changed, secret = await administration.rotate_key(actor(), arguments.key, grace)
    return _secret(key_view(changed, _now()), secret)


async def _revoke_key(administration: Administration, arguments: Given) -> _Said:
    return _shown(key_view(await administration.revoke_key(actor(), arguments.key), _now()))


async def _audit(administration: Administration, arguments: Given) -> _Said:
    shown = [audit_view(each) for each in await administration.audit.list(limit=max(1, arguments.last))]
    rows = [(_since(each["at"]), each["actor"], each["action"], each["subject"]) for each in shown]
    return _Said(head=("AT", "ACTOR", "ACTION", "SUBJECT"), rows=rows, data=shown)


def _shown(view: Mapping[str, Any]) -> _Said:
    return _Said(members=_members(view), data=view)


def _secret(view: Mapping[str, Any], secret: str) -> _Said:
    return _Said(members=_members(view), secret=secret, data={"key": view, "secret": secret})


def _members(view: Mapping[str, Any]) -> Mapping[str, object]:
    flat = {**view, **(view.get("limits") or {})}
    return {name: _text(value) for name, value in flat.items() if name != "limits" and value is not None}


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, list):
        return ", ".join(each["shown"] if isinstance(each, dict) else str(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _since(moment: datetime | None) -> str | None:
    return None if moment is None else age(_moment(moment))


def _now() -> datetime:
    return datetime.now(UTC)


_ACTS: Mapping[str, _Act] = {
    "audit": _audit,
    "create_project": _create_project,
    "list_projects": _list_projects,
    "show_project": _show_project,
    "update_project": _update_project,
    "archive_project": _archive_project,
    "create_key": _create_key,
    "list_keys": _list_keys,
    "show_key": _show_key,
    "update_key": _update_key,
    "rotate_key": _rotate_key,
    "revoke_key": _revoke_key,
}
