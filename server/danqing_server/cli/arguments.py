"""Arguments that many commands take, written the same way in each, and what a command was told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import typer

__all__ = ["AsJson", "EnvFile", "Given"]

EnvFile = Annotated[
    Path | None, typer.Option("--env-file", metavar="FILE", help="file of variables to read (.env)")
]

AsJson = Annotated[bool, typer.Option("--json", help="as JSON on one line")]


class Given(SimpleNamespace):
    """What a command was told, an attribute for each argument, for those that hand all of it on."""
