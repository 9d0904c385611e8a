"""`danqing users`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote

import typer

from danqing_server.cli.asking import Asking, asks
from danqing_server.cli.showing import age, show_json, show_members, show_table
from danqing_server.cli.usage import SUMS, nothing_booked, period_of, usage_of

__all__ = ["register"]

_EPILOG = """\
Where no terminal is: user, currency, settled, unknown, reserved, outputs paid for, tasks completed, failed, \
cancelled, open, project; tabs between, who spent most comes first. A user id is its project's own: the same id in \
two projects is two users."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "users",
        short_help="list who spent how much, or show one account",
        help="List who made what and spent how much, the most first; or show one account of the users' API.",
        epilog=_EPILOG,
    )(asks(_users))


def _users(
    asking: Asking,
    who: Annotated[str | None, typer.Argument(metavar="WHO", help="id or e-mail of an account (all users)")] = None,
    month: Annotated[
        str | None, typer.Option(metavar="MONTH", help="of this month, 2026-11 (the current one)")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="since: 1h, 7d, 2026-11-01")] = None,
) -> None:
    if who is not None:
        _show_account(asking, who)
        return
    wanted = {"group_by": "project,user", **period_of(month, since, None)}
    with asking.client() as client:
        told = usage_of(client, wanted)
    rows = sorted(told["rows"], key=_spent, reverse=True)
    if asking.as_json:
        show_json(rows)
    else:
        head = ("USER", *map(str.upper, SUMS), "PROJECT")
        cells = [[row["user"], *(row[name] for name in SUMS), row["project"]] for row in rows]
        show_table(head, cells, nothing=nothing_booked(told), spare=("PICTURES", "OPEN", "CANCELLED"))


def _spent(row: Mapping[str, Any]) -> tuple[bool, str, Decimal]:
    """Return what rows are put in order by: amounts of two currencies are never compared."""
    return row["currency"] is not None, row["currency"] or "", Decimal(row["settled"])


def _show_account(asking: Asking, who: str) -> None:
    with asking.client() as client:
        if "@" in who:
            found = client.request("GET", "/api/v1/users", params={"email": who})
        else:
            found = client.request("GET", f"/api/v1/users/{quote(who, safe='')}")
    if asking.as_json:
        show_json(found)
    else:
        times = {name: age(found[name]) for name in ("created_at", "updated_at")}
        show_members({**found, **times})
