"""`danqing assets`: what each of its commands is told."""

from __future__ import annotations

from typing import Annotated

import typer

from danqing_server.cli.arguments import AsJson, EnvFile

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        short_help="prove the stored pictures, move them, find files that nobody names",
        help="Looks after the picture storage of the settings, while the server runs or not.",
    )
    group.command(
        "verify",
        short_help="compare every file with what its task knows",
        help="Compare every file with what its task knows. Exit code 1 when something is wrong.",
    )(_verify)
    group.command("orphans", help="list files that no task and no upload names")(_orphans)
    group.command(
        "move",
        short_help="move what is at the old place to the new one",
        help="Move what is at DANQING_ASSETS_ALSO to DANQING_ASSETS_URL, while the server serves both.",
    )(_move)
    app.add_typer(group, name="assets")


def _verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="fetch what is wrong from its provider's link, while that lives")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="compare sizes, not content")] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    from danqing_server.cli.assets_acts import verify_all

    return verify_all(env_file, quick=quick, repair=repair, as_json=as_json)


def _orphans(
    remove: Annotated[bool, typer.Option("--remove", help="remove them")] = False,
    older_than: Annotated[str, typer.Option(metavar="TIME", help="only those older, at least 1h")] = "24h",
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    from danqing_server.cli.assets_acts import show_orphans

    return show_orphans(env_file, older_than, remove=remove, as_json=as_json)


def _move(
    keep: Annotated[bool, typer.Option("--keep", help="leave the files at the old place, too")] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    from danqing_server.cli.assets_acts import move_all

    return move_all(env_file, keep=keep, as_json=as_json)
