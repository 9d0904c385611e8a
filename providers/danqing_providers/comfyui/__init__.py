"""ComfyUI as a provider: workflows of one's own as models, on servers of one's own."""

from __future__ import annotations

from pathlib import Path

__all__ = ["examples_folder"]


def examples_folder() -> Path:
    """Return the folder of the example workflows, which the sandbox offers."""
    return Path(__file__).parent / "examples"
