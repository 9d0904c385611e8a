"""`danqing serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from danqing_server.cli.arguments import EnvFile

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "serve",
        short_help="start the server, and whatever it needs that is not named by a URL",
        help="Start the server, and whatever it needs that is not named by a URL. "
        "What an option names takes precedence over its variable.",
        epilog="Signals: TERM and INT stop in order (INT twice: at once), "
        "HUP reads all settings anew and replaces the processes one by one.",
    )(_serve)


def _serve(
    host: Annotated[
        str | None, typer.Option(metavar="HOST", help="address to listen on (DANQING_HOST, 127.0.0.1)")
    ] = None,
    port: Annotated[
        str | None, typer.Option(metavar="PORT", help="port to listen on, 0 for a free one (PORT, 8080)")
    ] = None,
    processes: Annotated[
        str | None, typer.Option(metavar="N", help="serving processes (DANQING_PROCESSES, 1)")
    ] = None,
    role: Annotated[
        Literal["all", "api", "worker"] | None, typer.Option(help="what they do (DANQING_ROLE, all)")
    ] = None,
    env_file: EnvFile = None,
) -> int:
    options = {"DANQING_HOST": host, "PORT": port, "DANQING_PROCESSES": processes, "DANQING_ROLE": role}
    return _run(env_file, options)


def _run(env_file: Path | None, options: dict[str, str | None]) -> int:
    import asyncio

    from danqing_server.cli.environment import environment_of
    from danqing_server.cli.examination import require_all_right
    from danqing_server.log import configure_logging
    from danqing_server.supervision.supervisor import Supervisor

    settings = require_all_right(environment_of(env_file, **options))
    json_lines = True if settings.environment_name == "production" else None
    configure_logging(settings.log_level.upper(), json_lines=json_lines)
    asyncio.run(Supervisor(read_environment=lambda: environment_of(env_file, **options)).run())
    return 0
