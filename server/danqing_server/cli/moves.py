"""Moving tasks by their ids, one after another: what `danqing cancel` and `danqing retry` share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from danqing_server.cli.asking import Asking, refusals
from danqing_server.cli.exits import Ended, Exit
from danqing_server.cli.showing import show_json, show_table

if TYPE_CHECKING:
    from danqing_client import Client, Task

__all__ = ["TaskIds", "move"]

TaskIds: TypeAlias = Annotated[list[str], typer.Argument(metavar="TASK", help="ids, as many as you like")]


def move(asking: Asking, ids: Sequence[str], do: Callable[[Client, str], Task]) -> int:
    """Do it to each, print how each stands, and return the exit code of the last that could not be done.

    What cannot be done to one stops no other; but when no server answers, it ends.
    """
    code, moved = Exit.DONE, []
    with asking.client() as client:
        for each in ids:
            try:
                with refusals(client.settings.url):
                    moved.append(do(client, each))
            except Ended as refused:
                if refused.code is Exit.UNREACHABLE:
                    raise
                code = refused.code
                sys.stderr.writelines(f"danqing: {each}: {line}\n" for line in refused.lines)
    if asking.as_json:
        show_json([dict(task.raw) for task in moved])
    else:
        show_table(("TASK", "STATUS"), [(task.id, task.status) for task in moved], nothing="none")
    return code
