"""The command `danqing`: its subcommands, a module for each, and how it ends.

A module declares its command's arguments and imports what it needs when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import importlib
import importlib.metadata
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.core import TyperGroup

from danqing_server.cli.exits import Ended, Exit
from danqing_server.cli.showing import plain

__all__ = ["main"]

_DESCRIPTION = "丹青 danqing: a self-hosted task server for AI image generation."
_EPILOG = """\
\b
Start with no settings at all:  danqing serve
It brings its own MongoDB and Redis, and a simulator in place of the paid service until there is a key.
Settings are variables of the environment or of .env, or stand in danqing.toml; `danqing settings` lists them."""

_COMMANDS = (
    "serve",
    "generate",
    "tasks",
    "show",
    "watch",
    "cancel",
    "retry",
    "logs",
    "lanes",
    "pause",
    "resume",
    "usage",
    "users",
    "login",
    "profile",
    "sandbox",
    "plugins",
    "plugin",
    "check",
    "doctor",
    "projects",
    "keys",
    "audit",
    "backup",
    "restore",
    "assets",
    "erase",
    "remains",
    "upgrade",
    "settings",
)
"""The modules of commands and groups, each with a `register`, in the order in which help lists them."""

_OF_WRITING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a disk refuses. Writers of files name theirs; who names none is standard output, in all likelihood."""

_ALLOWED = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "greater_than_equal": "{ge} and more",
    "less_than_equal": "{le} and less",
}
"""What an option may be, by the kind of pydantic's refusal."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 for success; the others are in `exits`."""
    if sys.platform == "win32":
        sys.stderr.write("danqing: Windows is not supported; use WSL 2 or Docker\n")
        return Exit.REFUSED
    if argv is None:
        _write_whatever_there_is()
        if not sys.warnoptions:
            warnings.simplefilter("ignore")  # of libraries, about what only their callers could change
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except BrokenPipeError:
        return _unread()
    except OSError as error:
        return _failed(error)
    return code


def _write_whatever_there_is() -> None:
    """Have a prompt that the terminal's encoding lacks escaped, as JSON takes it, and not end the command."""
    codecs.register_error("danqing.escaped", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="danqing.escaped")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4)), error.end


def _run(argv: Sequence[str]) -> int:
    try:
        code: int | None = typer.main.get_command(_app(argv)).main(argv, prog_name="danqing", standalone_mode=False)
    except Ended as ended:
        _say(*ended.lines)
        return ended.code
    except typer.TyperException as error:
        return _misunderstood(error)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 — a person is told in a line, whatever it is
        return _failed(error)
    return code or Exit.DONE


def _failed(error: Exception) -> int:
    """Say in a line what failed and return the exit code."""
    from danqing_server.errors import Conflict, DanqingError, NotFound, ServiceUnavailable
    from danqing_server.supervision.processes import KeepsDying, NotNow, StartRefused

    if isinstance(error, OSError) and (unwritten := _unwritten(error)):
        _say(unwritten)
        return Exit.REFUSED
    if not isinstance(error, DanqingError):
        return _unforeseen(error)
    if not (isinstance(error, StartRefused) and error.explained):
        _say(*str(error).split("\n"))
    if isinstance(error, ServiceUnavailable) and not error.permanent:
        return Exit.UNREACHABLE
    codes = {
        NotFound: Exit.NOT_FOUND,
        Conflict: Exit.CONFLICT,
        KeepsDying: Exit.FAILED,
        NotNow: Exit.UNREACHABLE,
    }
    return next((code for kind, code in codes.items() if isinstance(error, kind)), Exit.REFUSED)


def _unwritten(error: OSError) -> str | None:
    """Return which file the system refused, and why; None where the error is about no file."""
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if error.errno not in _OF_WRITING:
        return None
    _let_go_of_stdout()  # what is left of it would be refused again
    return f"cannot be written: {error.strerror}"


def _unforeseen(error: Exception) -> int:
    """Say that this is a mistake of ours, and where whoever is to mend it finds the traceback."""
    from danqing_server.log import traceback_without_values

    _say(f"this should not have happened: {type(error).__name__}")  # what it says may hold a prompt or a key
    with contextlib.suppress(OSError):
        handle, path = tempfile.mkstemp(prefix="danqing-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(traceback_without_values((type(error), error, error.__traceback__)))
        _say(f"please report it with {path}, which holds neither prompts nor keys")
    return Exit.FAILED


class _InOrder(TyperGroup):
    """Lists commands and groups as `_COMMANDS` does; typer would list all groups last."""

    def list_commands(self, ctx: object) -> list[str]:  # typer has no public name for this context
        """Return the names; a module may bring several."""
        places = {name: place for place, name in enumerate(_COMMANDS)}
        return sorted(self.commands, key=lambda name: places.get(name, len(places)))


def _app(argv: Sequence[str]) -> typer.Typer:
    """Return the command, with all that it has; or with the one alone that *argv* begins with, which is quicker."""
    # Boxes and colours are for eyes: what a program reads stays plain.
    app = typer.Typer(
        cls=_InOrder,
        help=_DESCRIPTION,
        epilog=_EPILOG,
        rich_markup_mode="rich" if sys.stdout.isatty() else None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 116},
    )
    app.callback()(_options)
    for name in [argv[0]] if argv and argv[0] in _COMMANDS else _COMMANDS:
        importlib.import_module(f"danqing_server.cli.{name}").register(app)
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
    _say(_in_our_words(error) or error.format_message())
    if context is not None and isinstance(context.command, TyperGroup):
        _say(f"`{context.command_path} --help` lists the commands")
    return Exit.REFUSED


def _in_our_words(error: typer.TyperException) -> str | None:
    """Return which value of which option is refused, and what is allowed; None where typer says that itself."""
    refusals = getattr(error.__cause__, "errors", None)  # pydantic's, whose words are for programmers
    if refusals is None or not isinstance(error, typer.BadParameter) or error.param is None:
        return None
    refusal = refusals()[0]
    _, _, allowed = refusal["msg"].rstrip(".").partition(" is not one of ")
    if not allowed:
        if refusal["type"] not in _ALLOWED:
            return None
        allowed = _ALLOWED[refusal["type"]].format(**refusal.get("ctx", {}))
    return f"{error.param.opts[-1]}: {refusal['input']!r} is not allowed; allowed: {allowed}"


def _say(*lines: str) -> None:
    sys.stderr.writelines(f"danqing: {plain(line)}\n" for line in lines)


def _unread() -> int:
    """End as a program does whose output nobody reads any more (`| head`)."""
    _let_go_of_stdout()
    return 0


def _let_go_of_stdout() -> None:
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes it once more
