"""`danqing restore`: what it is told."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from danqing_server.cli.arguments import AsJson, EnvFile
from danqing_server.cli.backup import Folder

__all__ = ["OpenTasks", "register"]


class OpenTasks(StrEnum):
    """What becomes of tasks that were not finished when the backup was taken."""

    HOLD = "hold"
    RESUME = "resume"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "restore",
        short_help="put a backup back into an empty server",
        help="Put a backup back: documents into MongoDB, pictures into the storage. The server has to be stopped. "
        "Tasks that were not finished then may have been paid for since, and are not bought again.",
    )(_restore)


def _restore(
    folder: Folder,
    run: Annotated[str | None, typer.Option(metavar="ID", help="which backup (the newest)")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be done, and change nothing")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="remove the documents that are there; without it they are a refusal")
    ] = False,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="leave out pictures that the backup does not have whole")
    ] = False,
    open_tasks: Annotated[
        OpenTasks,
        typer.Option(
            show_default=False,
            help="of tasks that were not finished: `hold` them for a person's decision, or `resume` them, only "
            "where no server ran after the backup (hold)",
        ),
    ] = OpenTasks.HOLD,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    from danqing_server.cli.restore_acts import Wanted, restore

    wanted = Wanted(
        folder=folder,
        run=run,
        dry_run=dry_run,
        overwrites=overwrite,
        skips_damaged=skip_damaged,
        resumes=open_tasks is OpenTasks.RESUME,
    )
    return restore(wanted, env_file, as_json=as_json)
