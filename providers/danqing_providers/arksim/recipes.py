"""Recipes: what a picture is painted from, one small JSON file per request, so that links outlive a restart."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import attrs
import orjson

from danqing_providers.arksim.validation import Order

__all__ = ["Recipe", "Recipes", "recipe_of"]


@attrs.frozen(kw_only=True)
class Recipe:
    """Everything the pictures of one request depend on; picture n also depends on its index."""

    model: str
    prompt: str
    seed: int
    size: tuple[int, int]
    format: str
    watermark: bool
    references: tuple[tuple[str, bytes], ...] = ()

    def digest(self, index: int) -> bytes:
        """Return 32 bytes that name one picture's look: the prompt, the seed and the index, nothing else."""
        return hashlib.sha256(f"{self.seed}\0{index}\0{self.prompt}".encode("utf-8", "replace")).digest()


def recipe_of(order: Order) -> Recipe:
    """Return the recipe of what was ordered."""
    return Recipe(
        model=order.model.id,
        prompt=order.prompt,
        seed=order.seed,
        size=order.size,
        format=order.format,
        watermark=order.watermark,
        references=tuple((reference.name[:2000], reference.thumbnail) for reference in order.references[:3]),
    )


@attrs.frozen
class Recipes:
    """The folder of recipes, in 256 folders by the end of the request id. Its calls block."""

    root: Path

    def write(self, request_id: str, recipe: Recipe) -> None:
        """Keep a recipe under its request id."""
        path = self._path(request_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        document: dict[str, Any] = attrs.asdict(recipe)
        document["references"] = [[name, base64.b64encode(data).decode()] for name, data in recipe.references]
        half_written = path.with_suffix(".tmp")
        half_written.write_bytes(orjson.dumps(document))
        half_written.replace(path)

    def read(self, request_id: str) -> Recipe | None:
        """Return a request's recipe, None when there is none."""
        try:
            document = orjson.loads(self._path(request_id).read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return None
        document["size"] = tuple(document["size"])
        document["references"] = tuple((name, base64.b64decode(data)) for name, data in document["references"])
        return Recipe(**document)

    def _path(self, request_id: str) -> Path:
        return self.root / request_id[-2:] / f"{request_id}.json"
