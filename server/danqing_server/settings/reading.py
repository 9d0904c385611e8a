"""Finds `danqing.toml`, and reads the settings out of it and the environment.

The supervisor hands the text that it has accepted on to its processes, with all variables: whatever is written to
the file, or to `.env`, meanwhile, a process that dies is started again with what was accepted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
from dotenv import dotenv_values

from danqing_server.errors import SettingsError
from danqing_server.settings.file import ConfigFile, parse_file
from danqing_server.settings.server import Settings

__all__ = [
    "ACCEPTED",
    "DEFAULT_FILE",
    "FoundFile",
    "examine",
    "find_file",
    "in_order",
    "read_environment",
    "read_settings",
]

DEFAULT_FILE = "danqing.toml"
ACCEPTED = "DANQING_CONFIG_TEXT"
"""The variable in which the supervisor hands the text on; empty: there is no file."""

# The system takes 128 KiB for one variable. Source: execve(2), MAX_ARG_STRLEN, read 2026-11-28.
LARGEST_FILE_BYTES = 100 * 1024

_LINE = re.compile(r"[^:\n]+\.toml:(\d+): ")


@attrs.frozen(kw_only=True)
class FoundFile:
    """The file `name` and its `text`, None when there is none; `problem` says why it cannot be read."""

    name: str
    text: str | None = None
    problem: str | None = None

    def parse(self) -> ConfigFile:
        """Read it."""
        if self.problem is not None:
            return ConfigFile(problems=(self.problem,))
        return ConfigFile() if self.text is None else parse_file(self.text, self.name)


def read_environment(process: Mapping[str, str], dotenv: Path | None) -> dict[str, str]:
    """Lay the process's variables over those of the file *dotenv*; None or a missing file adds nothing.

    Nor does any to what the supervisor handed on: those are all that it accepted.

    Raises:
        SettingsError: the file cannot be read.
    """
    if dotenv is None or ACCEPTED in process or not dotenv.is_file():
        return dict(process)
    try:
        stored = dotenv_values(dotenv)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{dotenv}: is not UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise SettingsError(f"{dotenv}: cannot be read: {error.strerror}") from error
    return {name: value for name, value in stored.items() if value is not None} | dict(process)


def find_file(environment: Mapping[str, str]) -> FoundFile:
    """Return the file that `DANQING_CONFIG` names, or else the one of the working directory."""
    wanted = environment.get("DANQING_CONFIG", "").strip()
    name = wanted or DEFAULT_FILE
    if ACCEPTED in environment:
        return FoundFile(name=name, text=environment[ACCEPTED] or None)
    try:
        body = Path(name).read_bytes()
        if len(body) > LARGEST_FILE_BYTES:
            return FoundFile(name=name, problem=f"{name}: has {len(body)} bytes; allowed: {LARGEST_FILE_BYTES}")
        return FoundFile(name=name, text=body.decode("utf-8-sig").replace("\r\n", "\n"))
    except FileNotFoundError:
        return FoundFile(name=name, problem=f"DANQING_CONFIG: there is no file {name!r}" if wanted else None)
    except UnicodeDecodeError as error:
        return FoundFile(name=name, problem=f"{name}: is not UTF-8 (byte {error.start})")
    except OSError as error:
        return FoundFile(name=name, problem=f"{name}: cannot be read: {error.strerror}")


def examine(environment: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
    """Return the settings, with a default for each that is wrong, and one line for each mistake."""
    return Settings.examine(environment, find_file(environment).parse())


def in_order(*mistakes: str) -> Sequence[str]:
    """Return *mistakes* as they follow in the file; those of the environment come first."""
    return sorted(mistakes, key=lambda line: int(found[1]) if (found := _LINE.match(line)) else 0)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings. Raises SettingsError with a line for each mistake."""
    settings, problems = examine(environment)
    if problems:
        raise SettingsError(*in_order(*problems))
    return settings
