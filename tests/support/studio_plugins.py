"""Plugins that a server finds without their being installed: a folder for `PYTHONPATH`, with entry points.

`broken_hills` imports what is not there. `half_hills` works; of its form one title has no Chinese, and one
description no English. `odd_hills` works, too: its author read no documentation, and its names are made to do harm.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["HARMFUL", "write_odd_plugin", "write_plugins"]

HARMFUL = "</title><img src=x onerror=alert(1)> \"'`${1}\n{n} \u202e\u05e9\u05dc\u05d5\u05dd 🏔️"

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


ODD = '''"""A provider of odd models, with names that are made to do harm."""

from danqing_plugins import (
    InvalidRequest,
    Job,
    ModelInfo,
    Prepared,
    Price,
    Problem,
    Provider,
    ProviderInfo,
    Request,
    Run,
)

NAME = {name!r}
TEXT = {{"type": "string"}}
PICTURES = {{"type": "array", "items": {{"type": "string"}}, "maxItems": 2}}


def model(id, **properties):
    schema = {{"type": "object", "properties": properties}} if properties else {{}}
    price = Price(amount_micro=500_000, currency="CNY")
    return ModelInfo(id=id, title=f"{{id}} {{NAME}} {{'x' * 90}}", parameters=schema, price=price)


MODELS = (
    model("wordless", image=PICTURES, scale={{"type": "integer", "enum": [2, 4]}}),
    model(
        "words",
        prompt={{"type": "string", "title": NAME, "description": NAME}},
        image={{"type": "string", "title": "Link", "x-ui": {{"widget": "text"}}}},
        styles={{"type": "string", "enum": ["calm", "wild"], "x-ui": {{"labels": {{"calm": NAME}}}}}},
        inside={{"type": "object", "required": True, "properties": {{"deep": {{"title": "Deep", **TEXT}}}}}},
        named={{"title": "Named", "enum": {{"a": "one", "b": "other"}}}},
        calmly={{"type": "string", "title": "How calm", "x-ui": {{"when": {{"styles": "calm"}}}}}},
        nested={{"title": "Nested", "type": "array", "items": {{"type": "array", "items": {{"type": "number"}}}}}},
        tier={{"title": "Tier", "type": "string", "x-ui": {{"widget": "size", "tiers": "2K"}}}},
        lost={{"title": "Lost", "type": "string", "x-ui": {{"when": {{"nowhere": [None]}}, "widget": "dial"}}}},
    ),
    model("styled", prompt={{"type": "string"}}, styles={{"type": "array", "items": {{"enum": ["calm", "wild"]}}}}),
    model(
        "masked",
        prompt={{"type": "string"}},
        mask={{"type": "string", "x-ui": {{"widget": "references", "when": {{"mode": ["edit"]}}}}}},
        image=PICTURES,
        mode={{"enum": ["paint", "edit"]}},
    ),
    model("silent"),
)


class OddProvider(Provider):
    """Paints nothing."""

    name = "odd"

    @property
    def info(self) -> ProviderInfo:
        return ProviderInfo(
            name="odd", title=NAME, models=MODELS, default_model="words", reference_fields=("image",)
        )

    def prepare(self, request: Request) -> Prepared:
        model = request.model or "words"
        if model == "wordless" and "prompt" in request.input:
            raise InvalidRequest("odd", problems=[Problem("prompt", "is not taken")])
        return Prepared(model=model, input=dict(request.input), price=MODELS[0].price)

    async def generate(self, job: Job, run: Run) -> None:
        """Make nothing."""
'''


def write_odd_plugin(folder: Path) -> Path:
    """Write `odd_hills` alone to *folder*, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "odd_hills.py").write_text(ODD.format(name=HARMFUL), encoding="utf-8")
    return _announced(folder, "odd", "odd_hills = odd_hills:OddProvider\n")


def write_plugins(folder: Path) -> Path:
    """Write both to *folder*, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "broken_hills.py").write_text(BROKEN, encoding="utf-8")
    (folder / "half_hills.py").write_text(HALF, encoding="utf-8")
    return _announced(folder, "hills", "broken_hills = broken_hills:Hills\nhalf_hills = half_hills:HalfProvider\n")


def _announced(folder: Path, name: str, entries: str) -> Path:
    """Write of what distribution the plugins of *folder* are, and return it."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[danqing]\n{entries}", encoding="utf-8")
    return folder
