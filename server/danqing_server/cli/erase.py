"""`danqing erase`: all that is stored of a user or a project, for good."""

from __future__ import annotations

from typing import Annotated

import typer

from danqing_server.cli.arguments import AsJson, EnvFile

__all__ = ["register"]

_EPILOG = """\
\b
danqing erase --user user_123 --dry-run    how much there is
danqing erase --user user_123              all of it, in every project, after a question
danqing erase --user 7 --project shop      of this project's user alone
danqing erase --project shop --yes         without a question, in a script

Make it again when it was cut: it goes on. What is made while it runs stays."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "erase",
        short_help="erase all that is stored of a user or a project, and prove it",
        help="Erase all tasks of a user or a project with their files, batches, uploads and deliveries, while "
        "the server runs or not. Tasks that are not finished are cancelled. A minute later all of it is looked at "
        "once more, and every document is searched for the name. Exit code 0: nothing is left; 1: something is.",
        epilog=_EPILOG,
    )(_erase)


def _erase(
    user: Annotated[str | None, typer.Option(metavar="ID", help="a user, by the id that clients send")] = None,
    project: Annotated[
        str | None, typer.Option(metavar="NAME", help="a project, by id or name; `(local)`: made without a key")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say how much there is, and change nothing")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    no_wait: Annotated[
        bool,
        typer.Option("--no-wait", help="leave out the second look, which a running server takes, and the search"),
    ] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    from danqing_server.cli.erase_acts import Wanted, erase

    wanted = Wanted(user=user, project=project, dry_run=dry_run, sure=yes, waits=not no_wait)
    return erase(wanted, env_file, as_json=as_json)
