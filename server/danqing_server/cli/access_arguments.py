"""What `danqing projects`, `danqing keys` and `danqing audit` share. What they do is in `access_acts`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from danqing_server.cli.arguments import Given

__all__ = ["LIMITS", "Limit", "NoLimit", "carry_out"]

LIMITS = """\
\b
Limits (--limit NAME=VALUE, each as often as you like; --no-limit NAME takes one away):
  models=doubao-*,gpt-image-1          patterns, of which a model has to match one
  spend_per_day=CNY:100.00,USD:5       amounts by currency
  spend_per_month=CNY:1000.00
  requests_per_minute=60               of those that ask for something to be made
  pictures_in_flight=4
  waiting_tasks=100
  addresses=10.0.0.0/8,192.0.2.1       from where it may be used
  expires_at=2027-01-01T00:00:00Z"""

Limit = Annotated[
    list[str] | None, typer.Option("--limit", metavar="NAME=VALUE", help="see below; as often as you like")
]
NoLimit = Annotated[list[str] | None, typer.Option("--no-limit", metavar="NAME", help="take a limit away")]


def carry_out(act: str, **given: Any) -> int:
    """Do it with what the command was told, and print what came of it. Raises DanqingError."""
    from danqing_server.cli.access_acts import carry_out

    lists = {name: given.get(name) or () for name in ("limit", "no_limit")}
    return carry_out(act, Given(**{**given, **lists}))
