"""The kit refuses a schema of which no form can be made."""

from __future__ import annotations

from typing import Any

import pytest

from danqing_plugins import Text
from danqing_plugins.dialect import gaps_in
from danqing_plugins.messages import spoken

WORDS = Text("Size", "尺寸")
WHOLE: dict[str, Any] = {
    "title": WORDS,
    "description": WORDS,
    "enum": ["a", "b"],
    "x-ui": {"order": 10, "group": "main", "widget": "chips", "labels": {"a": WORDS, "b": Text("B", "B")}},
}


def gaps(**changes: Any) -> str:
    """Return what a schema with one property lacks."""
    return "; ".join(gaps_in({"type": "object", "properties": {"size": {**WHOLE, **changes}}}))


class TestGaps:
    """Each is told with the name of its field."""

    def test_whole_one_has_none(self) -> None:
        """And neither has one without properties."""
        assert gaps() == ""
        assert [*gaps_in({})] == []

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"title": "Size"}, "size: title must be a Text"),
            ({"title": Text("Size")}, "size: title must be a Text"),
            ({"description": ""}, "size: description must be a Text"),
            ({"x-ui": None}, "size: x-ui is missing"),
            ({"x-ui": {**WHOLE["x-ui"], "order": "first"}}, "x-ui.order"),
            ({"x-ui": {**WHOLE["x-ui"], "group": "other"}}, "x-ui.group must be one of main, more"),
            ({"x-ui": {**WHOLE["x-ui"], "widget": "dial"}}, "x-ui.widget must be one of chips"),
            ({"x-ui": {**WHOLE["x-ui"], "when": {"style": ["x"]}}}, "x-ui.when names style"),
            ({"x-ui": {**WHOLE["x-ui"], "advice": "short"}}, "x-ui.advice"),
            ({"x-ui": {**WHOLE["x-ui"], "labels": {"a": WORDS}}}, "x-ui.labels leaves out b"),
            ({"x-ui": {**WHOLE["x-ui"], "labels": {"a": "A", "b": "B"}}}, "x-ui.labels must be Texts"),
            ({"x-ui": {**WHOLE["x-ui"], "widget": "size"}}, "a size needs x-ui.tiers"),
            ({"x-ui": {**WHOLE["x-ui"], "squares": {"2K": "2048"}}}, "x-ui.squares must be pixels"),
            ({"properties": {"most": {}}}, "size.most: title"),
        ],
    )
    def test_gap(self, changes: dict[str, Any], told: str) -> None:
        """Inner fields by their path."""
        assert told in gaps(**changes)

    def test_two_of_one_order(self) -> None:
        """Their places would be a matter of chance."""
        assert [*gaps_in({"properties": {"a": WHOLE, "b": WHOLE}})] == ["the input: two properties have one order"]


class TestSpoken:
    """A schema in one language."""

    def test_every_text_is_put_into_the_language(self) -> None:
        """However deep it lies; the rest stays."""
        schema = {"a": [{"title": WORDS, "most": 5, "plain": "x"}], "b": (WORDS, None, True)}
        assert spoken(schema, "zh") == {
            "a": [{"title": "尺寸", "most": 5, "plain": "x"}],
            "b": ["尺寸", None, True],
        }
        assert spoken(schema, "en")["a"][0]["title"] == "Size"
        assert type(spoken(schema, "en")["a"][0]["title"]) is str
