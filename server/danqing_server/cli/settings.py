"""`danqing settings`."""

from __future__ import annotations

import sys

import typer

__all__ = ["register", "settings_table"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("settings", help="list every setting as a Markdown table")(_settings)


def _settings() -> None:
    sys.stdout.write(settings_table())


def settings_table() -> str:
    """Return every variable of the server as a Markdown table."""
    from danqing_server.settings.server import variables

    lines = ["| Variable | Default | Unit | Allowed | Meaning |", "|---|---|---|---|---|"]
    for variable in variables():
        default = f"`{variable.default}`" if variable.default else "(unset)"
        unit = variable.unit or "—"
        lines.append(f"| `{variable.name}` | {default} | {unit} | {variable.allowed} | {variable.meaning} |")
    return "\n".join(lines) + "\n"
