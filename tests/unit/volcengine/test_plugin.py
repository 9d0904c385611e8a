"""The provider as a plugin."""

from __future__ import annotations

import attrs
import pytest

from danqing_plugins import ConfigurationError, InvalidRequest, Reference, Request
from danqing_providers.volcengine.plugin import VolcengineProvider
from tests.unit.volcengine.builders import FLASH, PRO, V30, V40, configured, context, prepared

URL = Reference(field="image", url="https://example.com/a.png")


class TestProvider:
    """What it says of itself."""

    def test_wants_a_sandbox_only_without_a_key(self) -> None:
        """The simulator is asked for when there is nobody real to call."""
        assert configured().info.sandbox
        assert not configured({"VOLCENGINE_API_KEY": "k" * 20}).info.sandbox

    def test_is_loadable_without_key_and_sandbox(self) -> None:
        """`danqing plugins` lists it with nothing configured."""
        info = configured().info
        assert info.name == "volcengine"
        assert info.default_model in {model.id for model in info.models}
        assert info.types == (
            "image",
            "image_generation",
            "video",
            "video_generation",
            "text",
            "text_generation",
            "translation",
        )
        assert info.reference_fields == ("image", "last_frame", "reference_image")

    def test_lists_live_models_with_aliases_and_prices(self) -> None:
        """Shut-down models are not on offer."""
        models = {model.id: model for model in configured().info.models if "image" in model.types}
        assert V30 not in models
        assert len(models) == 5
        assert "doubao-seedream-3.0-t2i" in models[V40].aliases
        assert {id_ for id_, model in models.items() if model.price is None} == {FLASH}

    @pytest.mark.parametrize(
        ("type_", "model", "types"),
        [
            ("image", "doubao-seedance-1-0-pro-250528", "video, video_generation"),
            ("image", "doubao-seed-1-6-250615", "text, text_generation, translation"),
            ("video", V40, "image, image_generation"),
        ],
    )
    def test_a_model_of_another_type_is_called_that(self, type_: str, model: str, types: str) -> None:
        """It is there: who is told that it is unknown, and of a near name, buys another one."""
        request = Request(provider="volcengine", type=type_, model=model, input={"prompt": "a hill"})
        with pytest.raises(InvalidRequest) as refused:
            configured().prepare(request)
        (problem,) = refused.value.problems
        assert problem.field == "model"
        assert problem.message == f"takes tasks of the type {types}, not {type_}"

    def test_it_does_no_work_before_it_is_configured(self) -> None:
        """Importing reads no setting; using it unconfigured is an error."""
        with pytest.raises(ConfigurationError):
            _ = VolcengineProvider().info

    def test_wrong_setting_refuses_the_start(self) -> None:
        """The hook passes the error on."""
        broken = context({"DANQING_VOLCENGINE_DEFAULT_MODEL": "nobody"})
        with pytest.raises(ConfigurationError):
            VolcengineProvider().danqing_configure(broken)

    def test_it_is_called_as_it_is_configured(self) -> None:
        """Two accounts are two providers."""
        provider = VolcengineProvider()
        provider.configure(attrs.evolve(context(), name="volcengine_b"))
        assert provider.info.name == "volcengine_b"


class TestSchemas:
    """The schema of each model agrees with what is checked."""

    def test_parameters_are_those_the_model_takes(self) -> None:
        """A form made from the schema offers nothing that is refused."""
        models = {model.id: model.parameters["properties"] for model in configured().info.models}
        assert "output_format" in models[PRO]
        assert "sequential_image_generation" not in models[PRO]
        assert "output_format" not in models[V40]
        assert models[PRO]["image"]["anyOf"][1]["maxItems"] == 10

    @pytest.mark.parametrize("model", [one.id for one in configured().info.models if "image" in one.types])
    def test_every_choice_and_example_is_accepted(self, model: str) -> None:
        """Each enumerated value and each example size passes the check."""
        info = {one.id: one for one in configured().info.models}[model]
        for name, part in info.parameters["properties"].items():
            for value in [*part.get("enum", ()), *part.get("examples", ())]:
                references = (URL,) if value == "transparent" else ()
                assert prepared(model, references=references, **{name: value}).model == model
