"""`danqing check`."""

from __future__ import annotations

import sys

import typer

from danqing_server.cli.arguments import EnvFile
from danqing_server.cli.exits import Exit

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "check",
        short_help="check environment and danqing.toml without starting; exit code 1 when something is wrong",
        help="Check environment and danqing.toml, and list the providers and routes that would be there. "
        "Nothing is started. Exit code 1 when something is wrong.",
    )(_check)


def _check(env_file: EnvFile = None) -> int:
    from danqing_server.cli.environment import environment_of
    from danqing_server.cli.examination import check
    from danqing_server.log import configure_logging

    configure_logging("CRITICAL")  # what is broken is told in a line
    report, mistakes = check(environment_of(env_file))
    sys.stdout.write(report)
    sys.stderr.writelines(f"danqing: {line}\n" for line in mistakes)
    return Exit.FAILED if mistakes else Exit.DONE
