"""`danqing backup`: what each of its commands is told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from danqing_server.cli.arguments import AsJson, EnvFile

__all__ = ["Folder", "register"]

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="the folder of the backups")]


class _TakesOne(TyperGroup):
    """Takes a backup where no other command is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = not args or args[0] in self.commands or args[0] in ctx.help_option_names
        return super().parse_args(ctx, args if named else ["take", *args])


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        cls=_TakesOne,
        short_help="keep backups of documents and pictures in a folder, while the server runs or not",
        help="`danqing backup DIR` takes one: all documents, and each picture that DIR does not have yet.",
    )
    group.command(
        "take",
        short_help="take a backup, as without this word",
        help="Take a backup, as without this word. Exit code 1 when the storage lacks pictures.",
    )(_take)
    group.command("verify", help="prove a backup, hash by hash; exit code 1 when something is wrong")(_verify)
    group.command("list", help="list the backups")(_list)
    app.add_typer(group, name="backup")


def _take(
    folder: Folder,
    keep: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="remove older ones until N are left (keep all)")
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    from danqing_server.cli.backup_acts import take_one

    return take_one(folder, keep, env_file, as_json=as_json)


def _verify(
    folder: Folder,
    run: Annotated[str | None, typer.Option(metavar="ID", help="which backup (the newest)")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="look at the sizes of pictures, not at their content")
    ] = False,
    as_json: AsJson = False,
) -> int:
    from danqing_server.cli.backup_acts import prove

    return prove(folder, run, quick=quick, as_json=as_json)


def _list(folder: Folder, as_json: AsJson = False) -> int:
    from danqing_server.cli.backup_acts import list_all

    return list_all(folder, as_json=as_json)
