"""The presets as they come, and what a file may write over them."""

from __future__ import annotations

from typing import Any

import pytest

from danqing_plugins import ConfigurationError, InvalidRequest, Request
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


CONTRADICTIONS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {},
        {"tokens": {"image": 30.0}, "price": 0.1},
        "models.m.tokens: \"{'image': 30.0}\" is not allowed (image is",
    ),
    ({}, {"tokens": {"text_in": 5.0}, "price": 0.1}, "models.m.tokens: image_out is missing"),
    ({}, {"tokens": {"image_out": 5.0}}, "models.m.tokens: what is expected beforehand is missing"),
    ({}, {"by_quality": {"lwo": 0.1}}, "models.m.by_quality: 'lwo' is no quality that it takes; allowed: -"),
    ({}, {"price": 2.0, "price_most": 1.0}, "models.m.price_most: 1 is the upper end of price"),
    ({"currency": "RMB"}, {}, "currency: 'RMB' is not allowed; allowed: CNY"),
    ({}, {"most_references": 2}, "models.m.most_references: 2 pictures have no way out: knobs.references is none"),
    (
        {"knobs": {"references": "json_fields"}},
        {"most_references": 2},
        "models.m.most_references: 2 is more than knobs.reference_names has (image)",
    ),
    (
        {"knobs": {"references": "json_fields"}},
        {"most_references": 1, "mask": True},
        "models.m.mask: a mask needs pictures",
    ),
    ({}, {"mask": True}, "models.m.mask: a mask needs pictures"),
    (
        {"knobs": {"references": "json_list"}},
        {"most_references": 1, "least_references": 2},
        "models.m.least_references: 2 is above most_references, 1",
    ),
    (
        {"knobs": {"size_form": "width_height"}},
        {"default_size": "1K"},
        "models.m.default_size: '1K' is not allowed",
    ),
    ({"knobs": {"size_form": "aspect_ratio"}}, {"sizes": ["0:1"]}, "models.m.sizes: '0:1' is not allowed"),
    (
        {},
        {"sizes": ["512x512"], "default_size": "1x1"},
        "models.m.default_size: '1x1' is not allowed; allowed: 512x",
    ),
    ({}, {"free": {"least_edge": 64, "most_edge": 8}}, "models.m.free.least_edge: 64 is above most_edge, 8"),
    ({}, {"aliases": ["m"]}, "models.m.aliases: 'm' is a name already"),
    ({"knobs": {"constants": {"n": 4}}}, {}, "knobs.constants: 'n' is each task's own"),
    ({"knobs": {"constants": {"count": 4}, "rename": {"n": "count"}}}, {}, "knobs.constants: 'count' is each"),
    ({"knobs": {"rename": {"size": "model"}}}, {}, "knobs.rename: 'size' is called 'model', as 'model' is"),
    ({"takes": {"steps": {"least": "a"}}}, {}, "takes.steps: least is a whole number, not 'a'"),
    ({"takes": {"steps": {"least": 9, "most": 5}}}, {}, "takes.steps: least 9 is above most 5"),
    ({"takes": {"steps": {"most": 5, "default": 50}}}, {}, "takes.steps: default 50 "),
    ({"takes": {"quality": {"allowed": "low"}}}, {}, "takes.quality: allowed is a list"),
    ({"takes": {"quality": {"allowed": []}}}, {}, "takes.quality: allowed is a list of texts"),
    ({"takes": {"partial_images": {}}}, {}, "takes.partial_images: previews come with knobs.streams alone"),
]


class TestContradictions:
    """What would be taken, and show in a picture that is paid for: without its references, or booked as free."""

    @pytest.mark.parametrize(("own", "model", "told"), CONTRADICTIONS, ids=[told for _, _, told in CONTRADICTIONS])
    def test_is_a_mistake_with_its_place(self, own: dict[str, Any], model: dict[str, Any], told: str) -> None:
        """One line of file, place, value and what is allowed."""
        with pytest.raises(ConfigurationError) as refused:
            configured({**with_models("custom"), "models": [{"id": "m", **model}], **own})
        assert refused.value.message.startswith(f"danqing.toml:3: {told}")
        assert "\n" not in refused.value.message


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

    @pytest.mark.parametrize("field", ["model", "stream", "batch_size", "response_format"])
    def test_none_takes_the_place_of_what_we_send(self, field: str) -> None:
        """Another model would be bought at this one's price, or four pictures as one."""
        knobs = {"extra": True, "rename": {"n": "batch_size"}, "constants": {"response_format": "url"}}
        provider = configured({"knobs": knobs})
        request = Request(provider="openai", type="image", model=None, input={"prompt": "a fox", field: "4"})
        with pytest.raises(InvalidRequest) as refused:
            provider.prepare(request)
        assert [problem.field for problem in refused.value.problems] == [field]

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
            ({"models": [{"id": "a", "like": ["b"]}]}, "models.a.like: ['b'] is not allowed"),
            ({"models": [{"id": "a", "takes": 5}]}, "models.a.takes: 5 is not allowed; allowed: a table"),
            (
                {"models": [{"id": "a", "title": {"zh": "标题"}}]},
                "models.a.title: \"{'zh': '标题'}\" is not allowed",
            ),
            ({"models": [{"id": "a", "hidden": True}]}, "models.a.hidden: unknown; allowed: id, title"),
            ({"models": [{"id": "a", "leaves": ["sed"]}]}, "models.a.leaves: 'sed' is no parameter that it takes"),
            ({"models": [{"id": "a"}, {"id": "a"}]}, "models: 'a' stands there twice"),
            (
                {"without": ["gpt-image"]},
                "without: 'gpt-image' is no model of the preset; did you mean gpt-image-2",
            ),
            ({"takes": {"foo": {"kind": "text", "title": {"en": "F"}}}}, "takes.foo: title is a text, or { en ="),
            ({"takes": {"n": {"kind": "whole"}}}, "takes.n: each model has it by tables of its own"),
            (
                {"knobs": {"auth_header": "X\nY"}},
                "knobs.auth_header: 'X\\nY' is not allowed; allowed: the name of a",
            ),
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
