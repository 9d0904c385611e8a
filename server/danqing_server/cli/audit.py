"""`danqing audit`."""

from __future__ import annotations

from typing import Annotated

import typer

from danqing_server.cli.access_arguments import carry_out
from danqing_server.cli.arguments import AsJson, EnvFile

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "audit",
        short_help="list what was done with projects and keys, and by whom",
        help="List what was done with projects and keys, and by whom, the newest first.",
        epilog="Where no terminal is: when, who, what, to which project or key; tabs between.",
    )(_audit)


def _audit(
    last: Annotated[int, typer.Option(metavar="N", min=1, show_default=False, help="how many entries (50)")] = 50,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    return carry_out("audit", last=last, as_json=as_json, env_file=env_file)
