"""`danqing plugins`."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

import typer

from danqing_server.cli.arguments import AsJson, EnvFile
from danqing_server.cli.exits import Exit

if TYPE_CHECKING:
    from danqing_server.supervision.survey import Survey

__all__ = ["plugins_table", "register"]

NARROWEST = 30


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plugins", help="list the installed plugins; exit code 1 when one is broken")(_plugins)


def _plugins(as_json: AsJson = False, env_file: EnvFile = None) -> int:
    from danqing_server.cli.environment import environment_of
    from danqing_server.log import configure_logging
    from danqing_server.settings.reading import read_settings
    from danqing_server.supervision.survey import take_survey

    configure_logging("CRITICAL")  # what is broken stands in the table
    survey = take_survey(read_settings(environment_of(env_file)))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    sys.stdout.write((survey.to_json() if as_json else plugins_table(survey, width)) + "\n")
    return Exit.FAILED if survey.broken else Exit.DONE


def plugins_table(survey: Survey, width: int | None = None) -> str:
    """Return the plugins as aligned text, the broken ones with their error; models in lines of *width*."""
    rows = [("PLUGIN", "VERSION", "STATUS", "PROVIDERS", "MODELS")]
    for plugin in survey.plugins:
        status = "broken" if plugin.error is not None else "left out" if plugin.missing else "ok"
        names = [f"{name} (sandbox)" if name in survey.simulated else name for name in plugin.providers]
        shown = (", ".join(names) or "-", ", ".join(plugin.models) or "-")
        rows.append((plugin.name, plugin.version or "-", status, *shown))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    indent = sum(widths) + 2 * len(widths)
    lines = [
        "  ".join(
            [*(cell.ljust(room) for cell, room in zip(row, widths, strict=False)), _folded(row[4], indent, width)]
        )
        for row in rows
    ]
    lines += [
        f"{plugin.name} is left out: set {', '.join(plugin.missing)}" for plugin in survey.plugins if plugin.missing
    ]
    lines += [f"{plugin.name} is broken: {plugin.error}" for plugin in survey.broken]
    return "\n".join(lines) if survey.plugins else "no plugins are installed"


def _folded(text: str, indent: int, width: int | None) -> str:
    """Return *text*, which begins at the place *indent*, in lines of *width*; whole where nobody's eyes are."""
    if width is None:
        return text
    room = max(width - indent, NARROWEST)
    return ("\n" + " " * indent).join(textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False))
