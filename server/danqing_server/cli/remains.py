"""`danqing remains`: shows what is left of a task, a user or a project."""

from __future__ import annotations

from typing import Annotated

import typer

from danqing_server.cli.arguments import AsJson, EnvFile

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "remains",
        short_help="show what is left of a task, a user or a project; exit code 1 when there is anything",
        help="Looks through every document and every file for the id of a task, or for the name of a user or a "
        "project. Exit code 1 when anything is left that should not be.",
    )(_remains)


def _remains(
    task: Annotated[str | None, typer.Argument(metavar="TASK_ID", help="a task's id")] = None,
    user: Annotated[str | None, typer.Option(metavar="USER_ID", help="a user, by the id that clients send")] = None,
    project: Annotated[str | None, typer.Option(metavar="PROJECT", help="a project, by its id")] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    from danqing_server.cli.remains_acts import show_remains

    return show_remains(env_file, task=task, user=user, project=project, as_json=as_json)
