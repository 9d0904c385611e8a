"""The page about the provider agrees with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from danqing_plugins.testing import check_info
from danqing_providers.openai_images.parameters import PARAMETERS
from danqing_providers.openai_images.presets import PRESETS
from danqing_providers.openai_images.settings import SETTINGS
from danqing_providers.openai_images.tables import KNOBS, preset_of
from tests.unit.openai_images.builders import configured, prepared

PAGE = (Path(__file__).parents[3] / "docs" / "providers" / "openai_images.md").read_text()
SIMPLE, OWN = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


class TestPage:
    """docs/providers/openai_images.md."""

    @pytest.mark.parametrize("name", [name for name in PRESETS if name != "custom"])
    def test_row_of_each_model_holds_its_sizes_and_price(self, name: str) -> None:
        """And every preset has its row."""
        preset = preset_of(name, {})
        assert any(line.startswith(f"| `{name}`") for line in PAGE.splitlines())
        for model in preset.models.values():
            (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` | `{model.id}` |")]
            assert all(size in row for size in model.sizes)
            prices = [model.price, model.price_most, *model.by_quality.values()]
            assert all(f"{price:g}" in row for price in prices if price is not None)

    def test_every_name_is_listed(self) -> None:
        """Parameters, knobs and settings."""
        rows = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")}
        assert {*PARAMETERS, *KNOBS, *(one.name for one in SETTINGS)} <= rows

    def test_example_of_another_service_is_a_whole_provider(self) -> None:
        """In ten lines."""
        (entry,) = tomllib.loads(OWN)["providers"]
        assert len(OWN.strip().splitlines()) <= 11
        own = {key: value for key, value in entry.items() if key not in ("name", "plugin")}
        provider = configured({**own, "api_key": "$KEY"}, name=entry["name"])
        check_info(provider)
        assert prepared(provider, n=4, style_preset="ink").single_call

    def test_example_of_a_preset_is_accepted(self) -> None:
        """Four lines are enough."""
        (entry,) = tomllib.loads(SIMPLE)["providers"]
        own = {key: value for key, value in entry.items() if key not in ("name", "plugin", "api_key")}
        assert configured(own, name=entry["name"]).info.default_model == "Qwen/Qwen-Image"
