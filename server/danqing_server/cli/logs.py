"""`danqing logs`."""

from __future__ import annotations

from typing import Annotated

import typer

from danqing_server.cli.asking import Asking, asks

__all__ = ["register"]

_EPILOG = """\
\b
danqing logs --since 1h        what began, ended and failed within the hour, and what lanes did
danqing logs -f                the same, and on from there until Ctrl-C

Where no terminal is: when, task or lane, what, model, user, why, cost; tabs between. --json is an object a line."""


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
        str, typer.Option(metavar="TIME", show_default=False, help="10min, 1h, or a moment (10min)")
    ] = "10min",
    user: Annotated[str | None, typer.Option(metavar="USER", help="of this user's tasks alone")] = None,
) -> None:
    from danqing_server.cli.happenings import tell

    tell(asking, since=since, user=user, follow=follow)
