"""`danqing tasks`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing_server.cli.asking import Asking, asks
from danqing_server.cli.showing import age, money, show_json, show_table
from danqing_server.cli.spans import ago

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["register"]

LARGEST_PAGE = 200
_EPILOG = """\
\b
danqing tasks --status failed --since 1h       what failed in the last hour, and what it cost
danqing tasks --status pending,scheduled       what waits; `danqing show TASK` says why

Where no terminal is: id, status, model, user, cost (`+0.20?`: may have been paid besides), made at, outputs \
there, error code, prompt; tabs between."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "tasks",
        short_help="list tasks, the newest first; filtered and searched",
        help="List tasks, the newest first; filtered and searched.",
        epilog=_EPILOG,
    )(asks(_tasks))


def _tasks(
    asking: Asking,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS",
            help="pending, scheduled, processing, completed, failed, cancelled; several with commas",
        ),
    ] = None,
    model: Annotated[str | None, typer.Option("-m", "--model", metavar="MODEL", help="of this model")] = None,
    provider: Annotated[str | None, typer.Option(metavar="PROVIDER", help="of this provider")] = None,
    user: Annotated[str | None, typer.Option(metavar="USER", help="of this user")] = None,
    search: Annotated[str | None, typer.Option(metavar="TEXT", help="with this text in the prompt")] = None,
    code: Annotated[str | None, typer.Option(metavar="CODE", help="that failed with this code")] = None,
    billed: Annotated[
        str | None, typer.Option(metavar="yes|no|unknown", help="whether the provider charged for it")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="made since: 1h, 2d, 2026-11-01 or a whole moment")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="made before")] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, show_default=False, help="how many (20); 0: all")
    ] = 20,
) -> None:
    wanted = {
        "status": status,
        "model": model,
        "provider": provider,
        "user_id": user,
        "q": search,
        "code": code,
        "billed": billed,
        "from": since and ago("--since", since),
        "to": until and ago("--until", until),
    }
    filters = {name: value for name, value in wanted.items() if value}
    page = min(limit or LARGEST_PAGE, LARGEST_PAGE)
    with asking.client() as client:
        found = [dict(task.raw) for task in islice(client.tasks(limit=page, **filters), limit or None)]
    if asking.as_json:
        show_json(found)
    else:
        head = ("TASK", "STATUS", "MODEL", "USER", "COST", "MADE", "OUTPUTS", "ERROR", "PROMPT")
        show_table(head, map(_row, found), nothing="no tasks", spare=("USER", "OUTPUTS", "MODEL", "PROMPT", "MADE"))


def _row(task: Mapping[str, Any]) -> list[object]:
    return [
        task["id"],
        task["status"],
        task["model"],
        task["user_id"],
        money(task["cost"], task["in_doubt"]),
        age(task["created_at"]),
        f"{task['kept']}/{task['images']}",
        task["error_code"],
        task["prompt"],
    ]
