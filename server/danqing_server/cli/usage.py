"""`danqing usage`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing_server.cli.asking import Asking, asks
from danqing_server.cli.exits import Ended, Exit
from danqing_server.cli.showing import show_json, show_table, show_text
from danqing_server.cli.spans import ago, month_of

if TYPE_CHECKING:
    from danqing_client import Client

__all__ = ["SUMS", "period_of", "register", "usage_of"]

SUMS = ("currency", "settled", "unknown", "reserved", "pictures", "completed", "failed", "cancelled", "open")
ROWS_AT_ONCE = "10000"
_EPILOG = """\
\b
danqing usage                                this month, day by day
danqing usage --by user --month 2026-11      who spent what in November
danqing usage --by model,provider --since 1h --json

Settled was paid; unknown may have been; reserved is what open tasks may cost at the most. \
Where no terminal is: the groups as asked for, then currency, settled, unknown, reserved, outputs paid for, tasks \
completed, failed, cancelled, open; tabs between."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "usage",
        short_help="sum up what was spent, by day, user, model, …",
        help="Sum up what was spent, by day, project, key, user, model or provider.",
        epilog=_EPILOG,
    )(asks(_usage))


def _usage(
    asking: Asking,
    by: Annotated[
        str,
        typer.Option(
            metavar="WHAT", show_default=False, help="day, project, key, user, model, provider; several with commas"
        ),
    ] = "day",
    month: Annotated[
        str | None, typer.Option(metavar="MONTH", help="of this month, 2026-11 (the current one)")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="since: 1h, 7d, 2026-11-01")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="before this time (now)")] = None,
    tz: Annotated[str | None, typer.Option(metavar="ZONE", help="whose days, Asia/Shanghai (the server's)")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="as CSV, with a head")] = False,
) -> None:
    if csv and asking.as_json:
        raise Ended(Exit.REFUSED, "--csv and --json: one of both")
    wanted = {"group_by": by, **period_of(month, since, until), **({} if tz is None else {"tz": tz})}
    with asking.client() as client:
        if csv:
            show_text(client.request("GET", "/api/v1/usage", params={**wanted, "format": "csv"}))
            return
        told = usage_of(client, wanted)
    if asking.as_json:
        show_json(told)
        return
    groups = told["group_by"]
    rows = [[*(row[name] for name in groups), *(row[name] for name in SUMS)] for row in told["rows"]]
    if sys.stdout.isatty() and len(rows) > 1:
        rows += [["all", *("" for _ in groups[1:]), *(row[name] for name in SUMS)] for row in told["totals"]]
    show_table([*map(str.upper, groups), *map(str.upper, SUMS)], rows, nothing=nothing_booked(told))


def usage_of(client: Client, wanted: Mapping[str, str]) -> Mapping[str, Any]:
    """Ask for sums, all rows of them."""
    told: Mapping[str, Any] = {"rows": [], "next_cursor": ""}
    while told["next_cursor"] is not None:
        further = {"cursor": told["next_cursor"]} if told["next_cursor"] else {}
        page = client.request("GET", "/api/v1/usage", params={**wanted, "limit": ROWS_AT_ONCE, **further})
        told = {"next_cursor": None, **page, "rows": [*told["rows"], *page["rows"]]}
    return told


def nothing_booked(told: Mapping[str, Any]) -> str:
    """Return what is said of an empty table."""
    return f"nothing was spent since {told['since']} (what came without a key is booked with DANQING_LEDGER=all)"


def period_of(month: str | None, since: str | None, until: str | None) -> Mapping[str, str]:
    """Return the parameters of a time; none is the current month. Raises Ended."""
    if month is not None and (since or until):
        raise Ended(Exit.REFUSED, "--month says when, and so do --since and --until: one of them is enough")
    if month is not None:
        return dict(zip(("from", "to"), month_of("--month", month), strict=True))
    told: Sequence[tuple[str, str | None]] = (
        ("from", since and ago("--since", since)),
        ("to", until and ago("--until", until)),
    )
    return {name: value for name, value in told if value}
