"""Plugins that a server finds without their being installed: a folder for `PYTHONPATH`, with entry points.

`broken_hills` imports what is not there. `half_hills` works; of its form one title has no Chinese, and one
description no English.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["write_plugins"]

BROKEN = '''"""A plugin whose author forgot a dependency."""

import no_such_library_of_hills
'''

HALF = '''"""A provider whose author wrote some texts in one language."""

from danqing_plugins import Job, ModelInfo, Prepared, Provider, ProviderInfo, Request, Run, Text

PROMPT = {
    "type": "string",
    "title": Text("Prompt", "提示词"),
    "description": Text("What to paint", "画什么"),
    "x-ui": {"order": 1, "group": "main", "widget": "prompt"},
}
MOOD = {
    "type": "string",
    "enum": ["calm", "wild"],
    "title": "Mood of the hills",
    "description": "山的气氛",
    "x-ui": {"order": 2, "group": "main", "widget": "chips"},
}
SCHEMA = {"type": "object", "properties": {"prompt": PROMPT, "mood": MOOD}, "required": ["prompt"]}


class HalfProvider(Provider):
    """Paints nothing."""

    name = "half"

    @property
    def info(self) -> ProviderInfo:
        model = ModelInfo(id="half-1", title="Half 1", parameters=SCHEMA)
        return ProviderInfo(name="half", title="Half Hills", models=(model,), default_model="half-1")

    def prepare(self, request: Request) -> Prepared:
        return Prepared(model="half-1", input=dict(request.input), outputs=0)

    async def generate(self, job: Job, run: Run) -> None:
        """Make nothing."""
'''


def write_plugins(folder: Path) -> Path:
    """Write both to *folder*, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "broken_hills.py").write_text(BROKEN, encoding="utf-8")
    (folder / "half_hills.py").write_text(HALF, encoding="utf-8")
    about = folder / "hills-1.0.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hills\nVersion: 1.0\n", encoding="utf-8")
    entries = "[danqing]\nbroken_hills = broken_hills:Hills\nhalf_hills = half_hills:HalfProvider\n"
    (about / "entry_points.txt").write_text(entries, encoding="utf-8")
    return folder
