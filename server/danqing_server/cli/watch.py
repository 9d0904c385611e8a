"""`danqing watch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from danqing_server.cli.asking import Asking, asks

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "watch",
        short_help="wait for a task, and save what it made",
        help="Wait for a task, and save what it made, as `generate` does of a new one.",
    )(asks(_watch))


def _watch(
    asking: Asking,
    task: Annotated[str, typer.Argument(metavar="TASK", help="its id")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="where to save it: a file, a folder, or `-`"),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=1, help="how long to wait at most (for ever)")
    ] = None,
) -> int:
    from danqing_server.cli.saving import Place, print_outcome
    from danqing_server.cli.waiting import wait_for

    place = None if output is None else Place.read(output)
    with asking.client() as client:
        ended = wait_for(asking, client, client.get(task), timeout_s=timeout, saving=output)
        return print_outcome(asking, client, ended, place)
