"""`danqing upgrade`: what it is told."""

from __future__ import annotations

from typing import Annotated

import typer

from danqing_server.cli.arguments import AsJson, EnvFile

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "upgrade",
        short_help="bring what older releases stored up to this one, while servers run",
        help="Bring what older releases stored up to this one, while servers of either release run. It may be cut, "
        "and goes on. Nothing needs it to be read: a release reads what the one before wrote.",
    )(_upgrade)


def _upgrade(
    check: Annotated[
        bool,
        typer.Option("--check", help="only say what there is to do; exit code 1 when there is something"),
    ] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    from danqing_server.cli.upgrade_acts import look, upgrade

    return look(env_file, as_json=as_json) if check else upgrade(env_file, as_json=as_json)
