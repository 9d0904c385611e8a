"""The variables that count for a command."""

from __future__ import annotations

import os
from pathlib import Path

from danqing_server.errors import SettingsError
from danqing_server.settings.reading import read_environment

__all__ = ["environment_of"]


def environment_of(env_file: Path | None, **options: str | None) -> dict[str, str]:
    """Return the variables that count: *options* (None: not given) over the process's over those of the file.

    Raises:
        SettingsError: there is no such file.
    """
    dotenv = env_file or Path(".env")
    if env_file is not None and not dotenv.is_file():
        raise SettingsError(f"--env-file: there is no file {str(dotenv)!r}")
    environment = read_environment(os.environ, dotenv)
    if env_file is not None:
        # The serving processes read .env too: what only that file says must not come back through it.
        environment = dict.fromkeys(read_environment({}, Path(".env")), "") | environment
    return environment | {name: value for name, value in options.items() if value is not None}
