"""The page about the provider agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from danqing_providers.volcengine.catalogue import MODELS, Model
from danqing_providers.volcengine.parameters import LONGEST_PROMPT, PARAMETERS
from danqing_providers.volcengine.settings import read_settings
from danqing_providers.volcengine.style import STYLES
from tests.unit.volcengine.builders import context

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "volcengine.md").read_text()
DECISION = (DOCS / "decisions" / "0002-names-ark-does-not-know.md").read_text()
MODELS_EXAMPLE, PRICES_EXAMPLE = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


class TestPage:
    """docs/volcengine.md."""

    @pytest.mark.parametrize("model", [model for model in MODELS if model.live], ids=lambda model: model.id)
    def test_row_of_each_model_holds_its_limits(self, model: Model) -> None:
        """Tiers, pixels, references and price stand in the model's row."""
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{model.id}`")]
        low, high = model.pixels or (0, 0)
        price = model.prices.get("CNY")
        shown = "not confirmed" if price is None else f"{price.micro / 1e6:.2f}"
        assert f"| {' '.join(model.tiers)} | {low} to {high} | {model.most_references} | {shown} |" in row
        assert f"`{model.overseas_id}`" in row

    def test_every_parameter_is_listed(self) -> None:
        """No name is taken that the page does not tell."""
        listed = {
            name for line in PAGE.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line)
        }
        assert set(PARAMETERS) <= listed
        assert str(LONGEST_PROMPT) in PAGE

    def test_examples_are_accepted(self) -> None:
        """The JSON on the page can be copied."""
        assert (
            "ep-20260101000000-abcde"
            in read_settings(context({"DANQING_VOLCENGINE_MODELS": MODELS_EXAMPLE})).catalogue.models
        )
        priced = read_settings(context({"DANQING_VOLCENGINE_PRICES": PRICES_EXAMPLE})).catalogue
        assert all("CNY" in priced.models[id_].prices for id_ in ("doubao-seedream-5-0-pro-260628",))

    def test_decision_tells_the_phrases(self) -> None:
        """The phrases of the styles are those in the code."""
        assert all(phrase.lstrip(", ") in DECISION for phrases in STYLES.values() for phrase in phrases)
