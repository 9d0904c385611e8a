"""An input that a model takes is made of its schema."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from danqing_plugins import ModelInfo, Text
from danqing_plugins.kit.parameters import Choice, Json, Line, Parameters, Prompt, References, Size, Whole
from danqing_plugins.sampling import sample_request
from tests.unit.volcengine.builders import configured

SAID: dict[str, Any] = {"title": Text("Title", "标题"), "description": Text("What it does", "作用")}


class TestSample:
    """What is required, and two of what is counted."""

    def test_required_ones_are_given(self) -> None:
        """By default, choice, range or length; pictures as references with their bytes."""
        form = Parameters(
            Prompt(most=8),
            References("first", required=True, most=1),
            Size(required=True, allowed=("1024x1024",)),
            Choice("mode", required=True, allowed=("a", "b"), **SAID),
            Whole("steps", required=True, least=4, most=9, **SAID),
            Whole("batch_size", least=1, most=4, **SAID),
            Line("note", most=5, **SAID),
        )
        request, data = sample_request("acme", ModelInfo(id="one", title="One", parameters=form.schema()))
        assert request.input == {
            "prompt": "a quiet ",
            "size": "1024x1024",
            "mode": "a",
            "steps": 4,
            "batch_size": 2,
        }
        assert [reference.field for reference in request.references] == ["first"]
        assert data["first"].body.startswith(b"\x89PNG")
        form.read(request).finish()

    @pytest.mark.parametrize("model", configured().info.models, ids=lambda model: model.id)
    def test_is_valid(self, model: ModelInfo) -> None:
        """By the very schema that it was made of."""
        request, _ = sample_request("volcengine", model)
        jsonschema.validate(dict(request.input), dict(model.parameters))

    def test_what_cannot_be_guessed_is_told(self) -> None:
        """The author gives it a default."""
        form = Parameters(Json("odd", required=True, like={}, **SAID))
        with pytest.raises(ValueError, match="odd"):
            sample_request("acme", ModelInfo(id="one", title="One", parameters=form.schema()))
