"""`danqing plugin new` and `danqing plugin check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from danqing_server.cli.exits import Exit

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the two commands."""
    group = typer.Typer(help="write a plugin, or check one")
    group.command(
        "new",
        short_help="write the package of a new provider, with a simulator and tests that pass",
        help="Write danqing-NAME: a provider, a simulator to work against, and tests that pass as they are.",
    )(_new)
    group.command(
        "check",
        short_help="run the conformance kit against an installed plugin; exit code 1 when a check fails",
        help="Run the conformance kit, against the provider's simulator. Nothing is paid for. "
        "Exit code 1 when a check fails.",
    )(_check)
    app.add_typer(group, name="plugin")


def _new(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="what the provider is called: lower-case letters, digits and _"),
    ],
    asynchronous: Annotated[bool, typer.Option("--async", help="a service that is polled for results")] = False,
    into: Annotated[
        Path, typer.Option(metavar="FOLDER", show_default=False, help="where to write it (here)")
    ] = Path(),
) -> None:
    from danqing_server.cli.scaffolding import write_plugin

    folder = write_plugin(name, into, asynchronous=asynchronous)
    sys.stdout.write(
        f"written: {folder}\n  cd {folder}\n  pip install -e '.[dev]'   # beside danqing\n"
        f"  pytest\n  danqing plugin check {name}\n"
    )


def _check(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="the plugin or its provider (every installed plugin)")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="the model to check (the default one)")] = None,
) -> int:
    from danqing_server.cli.checking import check_plugins, report_of
    from danqing_server.log import configure_logging

    configure_logging("CRITICAL")  # what fails stands in the report
    checked = check_plugins(name, model)
    sys.stdout.write(report_of(checked) + "\n")
    return Exit.FAILED if any(one.failed for one in checked) else Exit.DONE
