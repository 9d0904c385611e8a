"""`danqing logs`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from danqing_server.cli.asking import Asking, asks

__all__ = ["register"]

_EPILOG = """\
\b
danqing logs --since 1h        what began, ended and failed within the hour, and what lanes did
danqing logs -f                the same of ten minutes, and on from there until Ctrl-C
danqing logs -f --tail 0 --level error    what fails from now on, and lanes that shut
danqing logs --task TASK       all of one task's life, with its calls

Where no terminal is: when, task or lane, what, model, user, why, cost, level; tabs between. --json is an object a \
line."""

Level = Literal["info", "warning", "error"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "logs",
        short_help="tell what happens to tasks and lanes",
        help="Tell what happens to tasks and lanes, the latest last. What the server's processes say of themselves "
        "stands in their own log: standard error of `danqing serve`.",
        epilog=_EPILOG,
    )(asks(_logs))


def _logs(
    asking: Asking,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="go on until Ctrl-C")] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="10min, 1h, or a moment (10min; of one task all)"),
    ] = None,
    tail: Annotated[
        int | None,
        typer.Option("--tail", metavar="N", min=0, help="the last N of them alone (all)"),
    ] = None,
    level: Annotated[
        Level,
        typer.Option(
            show_default=False,
            help="from this one on: info (all), warning (cancelled, calls that brought nothing, lanes that are "
            "paused or held), error (failed, lanes that are closed)",
        ),
    ] = "info",
    task: Annotated[str | None, typer.Option(metavar="TASK", help="of this task alone, by its id")] = None,
    user: Annotated[str | None, typer.Option(metavar="USER", help="of this user's tasks alone")] = None,
) -> None:
    from danqing_server.cli.happenings import Wanted, tell

    tell(asking, Wanted(since=since, tail=tail, level=level, task=task, user=user, follow=follow))
