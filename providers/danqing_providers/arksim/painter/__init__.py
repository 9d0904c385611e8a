"""Paints the pictures."""

from __future__ import annotations

import io

from PIL import Image

from danqing_providers.arksim.recipes import Recipe


def paint(recipe: Recipe, index: int) -> bytes:
    """Return an encoded picture."""
    digest = recipe.digest(index)
    image = Image.new("RGB", recipe.size, (digest[0], digest[1], digest[2]))
    buffer = io.BytesIO()
    image.save(buffer, recipe.format.upper())
    return buffer.getvalue()
