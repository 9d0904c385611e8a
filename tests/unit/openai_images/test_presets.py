"""The presets as they come, and what a file may write over them."""

from __future__ import annotations

from typing import Any

import pytest

from danqing_plugins import ConfigurationError
from danqing_plugins.testing import check_info
from danqing_providers.openai_images.plugin import OpenAIImagesProvider
from danqing_providers.openai_images.presets import PRESETS
from danqing_providers.openai_images.settings import settings_of
from tests.unit.openai_images.builders import KEY, configured, prepared, problems


def with_models(preset: str) -> dict[str, Any]:
    """Return the least that must be written to use *preset*."""
    written: dict[str, Any] = {"preset": preset}
    if any(one.name == "base_url" and one.required for one in settings_of(preset)):
        written["base_url"] = "https://images.example/v1"
    if preset == "custom":
        written["models"] = [{"id": "m"}]
    return written


class TestPresets:
    """Those that come with the plugin."""

    @pytest.mark.parametrize("preset", PRESETS)
    def test_says_what_the_kit_wants_to_know(self, preset: str) -> None:
        """Names, models, and schemas with titles in both languages."""
        provider = configured(with_models(preset))
        check_info(provider)
        assert provider.info.name == "openai"
        assert provider.info.endpoint is not None

    @pytest.mark.parametrize("preset", PRESETS)
    def test_default_model_takes_a_prompt_alone(self, preset: str) -> None:
        """What it costs is said in the preset's currency, where anything is known."""
        provider = configured(with_models(preset))
        done = prepared(provider)
        assert (done.model, done.outputs, done.single_call) == (provider.info.default_model, 1, True)

    @pytest.mark.parametrize(
        ("preset", "variable"),
        [
            ("openai", "OPENAI_API_KEY"),
            ("azure", "AZURE_OPENAI_API_KEY"),
            ("xai", "XAI_API_KEY"),
            ("together", "TOGETHER_API_KEY"),
            ("siliconflow", "SILICONFLOW_API_KEY"),
            ("zhipu", "ZHIPU_API_KEY"),
        ],
    )
    def test_names_the_variable_of_its_key(self, preset: str, variable: str) -> None:
        """Without it the provider is not the real one."""
        (key,) = [one for one in OpenAIImagesProvider.settings_for({"preset": preset}) if one.secret]
        assert (key.variable, key.required) == (variable, True)

    @pytest.mark.parametrize("preset", ["localai", "vllm_omni", "sglang", "sdcpp"])
    def test_servers_of_ones_own_need_an_address_and_no_key(self, preset: str) -> None:
        """And cost nothing."""
        settings = {one.name: one for one in settings_of(preset)}
        assert settings["base_url"].required
        assert not settings["api_key"].required
        price = prepared(configured(with_models(preset))).price
        assert price is not None
        assert price.amount_micro == 0


class TestOwnPreset:
    """A service that nobody thought of."""

    def test_is_a_whole_provider(self) -> None:
        """Its models, parameters, sizes and prices."""
        own: dict[str, Any] = {
            "preset": "custom",
            "base_url": "https://api.pixelwerk.example/v1",
            "currency": "EUR",
            "takes": {"seed": {}, "steps": {"most": 50}, "style_preset": {"kind": "choice", "allowed": ["ink"]}},
            "models": [{"id": "m", "sizes": ["1024x1024"], "default_size": "1024x1024", "price": 0.02}],
        }
        provider = configured(own, name="pixelwerk")
        check_info(provider)
        done = prepared(provider, n=6, seed=7, style_preset="ink")
        assert provider.info.name == "pixelwerk"
        assert done.input["size"] == "1024x1024"
        assert done.price is not None
        assert (done.price.amount_micro, done.price.currency) == (20_000, "EUR")
        assert set(problems(provider, steps=51, style_preset="oil", size="512x512", quality="hd")) == {
            "steps",
            "style_preset",
            "size",
            "quality",
        }

    def test_altered_model_keeps_the_rest(self) -> None:
        """A deployment's name and a price, over a preset's model."""
        model = {"id": "gpt-image-2", "upstream": "my-deployment", "price": 0.1}
        provider = configured({"preset": "azure", "base_url": "https://r.openai.azure.com", "models": [model]})
        assert problems(provider, "gpt-image-2", quality="max")["quality"]
        price = prepared(provider, "gpt-image-2").price
        assert price is not None
        assert price.amount_micro == 100_000

    def test_model_like_another(self) -> None:
        """A snapshot has everything but the name; models can be left out."""
        written = {
            "models": [{"id": "gpt-image-2-next", "like": "gpt-image-2"}],
            "without": ["gpt-image-2.5-flare"],
        }
        offered = {model.id: model for model in configured(written).info.models}
        assert offered["gpt-image-2-next"].parameters == offered["gpt-image-2"].parameters
        assert "gpt-image-2.5-flare" not in offered

    def test_unknown_fields_pass_where_that_is_allowed(self) -> None:
        """As they are, unchecked."""
        provider = configured({"knobs": {"extra": True}})
        assert prepared(provider, lora="ink").input["lora"] == "ink"
        assert problems(configured(), lora="ink")

    @pytest.mark.parametrize(
        ("written", "told"),
        [
            ({"knobs": {"size_frm": "size"}}, "danqing.toml:3: knobs.size_frm: unknown; did you mean size_form?"),
            ({"knobs": {"size_form": "square"}}, "knobs.size_form: 'square' is not allowed; allowed: `size`"),
            ({"knobs": {"most_per_call": 0}}, "knobs.most_per_call: '0' is not allowed; allowed: 1 to 100"),
            ({"knobs": {"edits_path": "images"}}, "knobs.edits_path: 'images' is not allowed"),
            ({"models": [{"title": "x"}]}, "models: model 9 has no id"),
            ({"models": [{"id": "a", "like": "b"}]}, "models.a.like: 'b' is no model before it"),
            ({"models": [{"id": "a", "prise": 1}]}, "models.a.prise: unknown; did you mean price?"),
            ({"models": [{"id": "a", "free": {"step": 0}}]}, "models.a.free.step: '0' is not allowed"),
            ({"takes": {"sed": {}}}, "takes.sed: an unknown parameter needs its kind"),
            ({"takes": {"seed": {"lest": 1}}}, "takes.seed: lest is unknown here"),
            ({"default_model": "gpt"}, "default_model: 'gpt' is no model; allowed: gpt-image-2"),
        ],
    )
    def test_mistake_is_one_line_with_its_place(self, written: dict[str, Any], told: str) -> None:
        """What is wrong, and what is allowed."""
        with pytest.raises(ConfigurationError) as refused:
            configured(written)
        assert told in refused.value.message
        assert "\n" not in refused.value.message

    def test_keys_are_never_shown(self) -> None:
        """Neither by the provider nor by what it holds."""
        assert KEY not in repr(configured()._require())
