"""`danqing cancel`."""

from __future__ import annotations

import typer

from danqing_server.cli.asking import Asking, asks
from danqing_server.cli.moves import TaskIds, move

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "cancel",
        short_help="cancel tasks that are not finished",
        help="Cancel tasks that are not finished. A call that has left already may be paid for all the same; "
        "what it brings is kept.",
    )(asks(_cancel))


def _cancel(asking: Asking, tasks: TaskIds) -> int:
    return move(asking, tasks, lambda client, task: client.cancel(task))
