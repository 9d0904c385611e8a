"""The page about the provider agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from danqing_providers.volcengine.catalogue import MODELS, Model
from danqing_providers.volcengine.parameters import LONGEST_PROMPT, PARAMETERS
from danqing_providers.volcengine.settings import read_settings
from danqing_providers.volcengine.style import STYLES
from danqing_providers.volcengine.text.models import TEXT_MODELS
from danqing_providers.volcengine.text.prepare import TEXT_FORM
from danqing_providers.volcengine.video.form import form_of
from danqing_providers.volcengine.video.models import VIDEO_MODELS, VideoModel
from tests.unit.volcengine.builders import context

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "volcengine.md").read_text()
VIDEO_PAGE = (DOCS / "providers" / "volcengine.md").read_text()
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
        told = "unknown" if price is None else f"{price.micro / 1e6:.2f}"
        assert f"| {' '.join(model.tiers)} | {low} to {high} | {model.most_references} | {told}" in row
        if price is not None:
            assert price.large_micro is None or f"{price.large_micro / 1e6:.2f}" in row
            assert f"{price.reference_micro / 1e6:.2f}" in row or not price.reference_micro
        assert model.overseas_id is None or f"`{model.overseas_id}`" in row

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


class TestVideoPage:
    """docs/providers/volcengine.md."""

    @pytest.mark.parametrize("model", VIDEO_MODELS, ids=lambda model: model.id)
    def test_row_of_each_model_holds_its_limits(self, model: VideoModel) -> None:
        """Resolutions, lengths, references and prices."""
        (row,) = [line for line in VIDEO_PAGE.splitlines() if line.startswith(f"| `{model.id}`")]
        least, most = model.durations
        assert f"| {' '.join(model.resolutions)} ({model.resolution}) | {least} to {most}" in row
        assert all(f"{price:g}" in row for prices in model.tariffs["CNY"].values() for price in prices)
        if model.videos:
            assert f"{model.pictures} pictures, {model.videos} videos ({model.video_s} s), {model.audios}" in row
        assert all(f"`{alias}`" in row for alias in model.aliases)

    def test_every_parameter_is_listed(self) -> None:
        """No name is taken that the page does not tell."""
        names = {name for model in VIDEO_MODELS for name in form_of(model).names} | set(TEXT_FORM.names)
        assert all(f"`{name}`" in VIDEO_PAGE for name in names)
        assert all(f"`{model.id}`" in VIDEO_PAGE for model in TEXT_MODELS)

    def test_prices_are_accepted(self) -> None:
        """The JSON on the page can be copied."""
        (example,) = re.findall(r"```json\n(.*?)```", VIDEO_PAGE, re.DOTALL)
        read_settings(context({"DANQING_VOLCENGINE_TOKEN_PRICES": example}))
