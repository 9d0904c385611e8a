"""The page about the provider agrees with the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from danqing_providers.dashscope.catalogue import Model
from danqing_providers.dashscope.image_models import IMAGE_MODELS
from danqing_providers.dashscope.settings import SETTINGS
from danqing_providers.dashscope.video_models import VIDEO_MODELS

PAGE = (Path(__file__).parents[3] / "docs" / "providers" / "dashscope.md").read_text()


def row_of(model: Model) -> str:
    """Return the model's row."""
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{model.id}`")]
    return row


class TestPage:
    """docs/providers/dashscope.md."""

    @pytest.mark.parametrize("model", IMAGE_MODELS, ids=lambda model: model.id)
    def test_each_picture_model(self, model: Model) -> None:
        """How it is asked, how many, and its price."""
        cells = [cell.strip() for cell in row_of(model).split("|")]
        assert cells[2] == ("order" if model.route.orders else "at once")
        assert cells[4].startswith(str(model.most_images))
        price = None if model.price_micro is None else f"{model.price_micro / 1e6:.2f}"
        assert cells[6].startswith(price or "not confirmed")
        assert all(snapshot.removeprefix(model.id) in row_of(model) for snapshot in model.snapshots)

    @pytest.mark.parametrize("model", VIDEO_MODELS, ids=lambda model: model.id)
    def test_each_video_model(self, model: Model) -> None:
        """Its resolutions and lengths."""
        row = row_of(model)
        assert all(resolution in row for resolution in model.resolutions)
        duration: Any = model.duration
        lengths = duration.allowed if hasattr(duration, "allowed") else (duration.least, duration.most)
        assert all(str(seconds) in row for seconds in lengths)

    def test_each_setting(self) -> None:
        """With its variable."""
        assert all(f"| `{each.name}` | `{each.variable}` |" in PAGE for each in SETTINGS)
