"""`danqing projects`: what each of its commands is told."""

from __future__ import annotations

from typing import Annotated

import typer

from danqing_server.cli.access_arguments import LIMITS, Limit, NoLimit, carry_out
from danqing_server.cli.arguments import AsJson, EnvFile

__all__ = ["register"]

_Project = Annotated[str, typer.Argument(metavar="PROJECT", help="its id or name")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="make, list and limit projects, which own tasks and keys")
    group.command("create", help="make a project", epilog=LIMITS)(_create)
    group.command(
        "list",
        short_help="list the projects",
        help="List the projects.",
        epilog="Where no terminal is: id, name, state, made at; tabs between.",
    )(_list)
    group.command("show", help="show a project")(_show)
    group.command("update", help="change a project's name or limits", epilog=LIMITS)(_update)
    group.command("archive", help="refuse a project's keys from now on; what it made is kept")(_archive)
    app.add_typer(group, name="projects")


def _create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="what people call it")],
    id_: Annotated[
        str | None,
        typer.Option("--id", metavar="NAME", help="of DANQING_API_KEYS: limit that project, whose tasks are kept"),
    ] = None,
    limit: Limit = None,
    no_limit: NoLimit = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    told = {"name": name, "id": id_, "limit": limit, "no_limit": no_limit}
    return carry_out("create_project", **told, as_json=as_json, env_file=env_file)


def _list(as_json: AsJson = False, env_file: EnvFile = None) -> int:
    return carry_out("list_projects", as_json=as_json, env_file=env_file)


def _show(project: _Project, as_json: AsJson = False, env_file: EnvFile = None) -> int:
    return carry_out("show_project", project=project, as_json=as_json, env_file=env_file)


def _update(
    project: _Project,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="another name")] = None,
    limit: Limit = None,
    no_limit: NoLimit = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    told = {"project": project, "name": name, "limit": limit, "no_limit": no_limit}
    return carry_out("update_project", **told, as_json=as_json, env_file=env_file)


def _archive(
    project: _Project,
    undo: Annotated[bool, typer.Option("--undo", help="take its keys again")] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    return carry_out("archive_project", project=project, undo=undo, as_json=as_json, env_file=env_file)
