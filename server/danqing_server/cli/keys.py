"""`danqing keys`: what each of its commands is told."""

from __future__ import annotations

from typing import Annotated

import typer

from danqing_server.cli.access_arguments import LIMITS, Limit, NoLimit, carry_out
from danqing_server.cli.arguments import AsJson, EnvFile
from danqing_server.cli.exits import Ended, Exit

__all__ = ["register"]

_Key = Annotated[str, typer.Argument(metavar="KEY", help="its id")]
_Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        metavar="SCOPE",
        help="generate, read, webhooks, usage or admin; once for each (all that go together)",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="make, list, rotate and revoke API keys")
    group.command("create", help="make a key; its secret is shown once", epilog=LIMITS)(_create)
    group.command(
        "list",
        short_help="list the keys",
        help="List the keys, without their secrets.",
        epilog="Where no terminal is: id, project, name, state, scopes, secret (its ends), last use; tabs between.",
    )(_list)
    group.command("show", help="show a key")(_show)
    group.command("update", help="change a key's name, scopes or limits", epilog=LIMITS)(_update)
    group.command("rotate", help="give a key a new secret under the same id")(_rotate)
    group.command("revoke", help="take a key back for good, within ten seconds everywhere")(_revoke)
    app.add_typer(group, name="keys")


def _create(
    name: Annotated[str, typer.Option(metavar="NAME", help="what people call it")],
    project: Annotated[
        str | None, typer.Option(metavar="PROJECT", help="whose key: the project's id or name")
    ] = None,
    admin: Annotated[
        bool, typer.Option("--admin", help="an administrator's key: it manages and makes nothing")
    ] = False,
    scope: _Scopes = None,
    limit: Limit = None,
    no_limit: NoLimit = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    if (project is None) is not admin:
        raise Ended(Exit.REFUSED, "one of --project PROJECT and --admin is needed, and not both")
    told = {"name": name, "project": project, "scope": scope, "limit": limit, "no_limit": no_limit}
    return carry_out("create_key", **told, as_json=as_json, env_file=env_file)


def _list(
    project: Annotated[str | None, typer.Option(metavar="PROJECT", help="of one project (all)")] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    return carry_out("list_keys", project=project, as_json=as_json, env_file=env_file)


def _show(key: _Key, as_json: AsJson = False, env_file: EnvFile = None) -> int:
    return carry_out("show_key", key=key, as_json=as_json, env_file=env_file)


def _update(
    key: _Key,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="another name")] = None,
    scope: _Scopes = None,
    limit: Limit = None,
    no_limit: NoLimit = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    told = {"key": key, "name": name, "scope": scope, "limit": limit, "no_limit": no_limit}
    return carry_out("update_key", **told, as_json=as_json, env_file=env_file)


def _rotate(
    key: _Key,
    grace: Annotated[
        str, typer.Option(metavar="TIME", show_default=False, help="how long the old one stays good (24h)")
    ] = "24h",
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    return carry_out("rotate_key", key=key, grace=grace, as_json=as_json, env_file=env_file)


def _revoke(key: _Key, as_json: AsJson = False, env_file: EnvFile = None) -> int:
    return carry_out("revoke_key", key=key, as_json=as_json, env_file=env_file)
