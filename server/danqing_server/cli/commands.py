"""The command `danqing`: its subcommands, a module for each, and how it ends.

A module declares its command's arguments and imports what it needs when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from danqing_server.cli import (
    audit,
    backup,
    check,
    doctor,
    keys,
    plugin,
    plugins,
    projects,
    sandbox,
    serve,
    settings,
)
from danqing_server.cli.exits import GAVE_UP, REFUSED

__all__ = ["main"]

_DESCRIPTION = "丹青 danqing: a self-hosted task server for AI image generation."
_EPILOG = """\
\b
Start with no settings at all:  danqing serve
It brings its own MongoDB and Redis, and a simulator in place of the paid service until there is a key.
Settings are variables of the environment or of .env, or stand in danqing.toml; `danqing settings` lists them."""

_REGISTER: Sequence[Callable[[typer.Typer], None]] = (
    serve.register,
    sandbox.register,
    plugins.register,
    plugin.register,
    check.register,
    doctor.register,
    projects.register,
    keys.register,
    audit.register,
    backup.register,
    settings.register,
)
"""One for each command or group of commands, in the order in which help lists them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 for success; the others are in `exits`."""
    if sys.platform == "win32":
        sys.stderr.write("danqing: Windows is not supported; use WSL 2 or Docker\n")
        return REFUSED
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except BrokenPipeError:
        return _unread()
    return code


def _run(argv: Sequence[str]) -> int:
    try:
        code: int | None = typer.main.get_command(_app()).main(argv, prog_name="danqing", standalone_mode=False)
    except typer.TyperException as error:
        return _misunderstood(error)
    except Exception as error:
        failed = _failed(error)
        if failed is None:
            raise
        return failed
    return code or 0


def _failed(error: Exception) -> int | None:
    """Say in a line what failed and return the exit code; None of what is no error of ours."""
    from danqing_server.errors import DanqingError
    from danqing_server.supervision.processes import KeepsDying, StartRefused

    if not isinstance(error, DanqingError):
        return None
    if not (isinstance(error, StartRefused) and error.explained):
        sys.stderr.write("".join(f"danqing: {line}\n" for line in str(error).split("\n")))
    return GAVE_UP if isinstance(error, KeepsDying) else REFUSED


def _app() -> typer.Typer:
    # Boxes and colours are for eyes: what a program reads stays plain.
    app = typer.Typer(
        help=_DESCRIPTION,
        epilog=_EPILOG,
        rich_markup_mode="rich" if sys.stdout.isatty() else None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 116},
        add_completion=False,
    )
    app.callback()(_options)
    for register in _REGISTER:
        register(app)
    return app


def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=lambda wanted: _version_told(wanted), help="print it"),
    ] = False,
) -> None:
    pass


def _version_told(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"danqing {importlib.metadata.version('danqing')}\n")
        raise typer.Exit


def _misunderstood(error: typer.TyperException) -> int:
    """Say what could not be understood, and how it is written."""
    context: typer.Context | None = getattr(error, "ctx", None)
    if context is not None:
        sys.stderr.write(f"{context.get_usage()}\n")
    sys.stderr.write(f"danqing: {error.format_message()}\n")
    return REFUSED


def _unread() -> int:
    """End as a program does whose output nobody reads any more (`| head`)."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes it once more
    return 0
