"""The variables that count for a command."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from danqing_server.errors import SettingsError
from danqing_server.settings.server import read_environment

__all__ = ["environment_of"]


def environment_of(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the variables that count: the options over the process's over those of the file."""
    dotenv: Path = arguments.env_file or Path(".env")
    if arguments.env_file is not None and not dotenv.is_file():
        raise SettingsError(f"--env-file: there is no file {str(dotenv)!r}")
    environment = read_environment(os.environ, dotenv)
    if arguments.env_file is not None:
        # The serving processes read .env too: what only that file says must not come back through it.
        environment = dict.fromkeys(read_environment({}, Path(".env")), "") | environment
    options = {"DANQING_HOST": "host", "PORT": "port", "DANQING_PROCESSES": "processes", "DANQING_ROLE": "role"}
    given = {name: getattr(arguments, option, None) for name, option in options.items()}
    return environment | {name: value for name, value in given.items() if value is not None}
