"""OpenAI's sizes and words at models that know others."""

from __future__ import annotations

from typing import Any

import pytest

from danqing_server.doors.fitting import fit_choice, fit_size
from danqing_server.doors.openai.reading import typed

SEEDREAM = {"size": {"x-ui": {"tiers": ["2K", "4K"], "free": True, "area": [3686400, 16777216], "widest": 16}}}
QWEN = {"size": {"enum": ["1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664"]}}
OPENAI = {
    "size": {
        "x-ui": {
            "sizes": ["auto", "1024x1024"],
            "free": True,
            "sides": [1, 3840],
            "step": 16,
            "area": [655360, 8294400],
            "widest": 3,
        }
    }
}
GEMINI = {"aspect_ratio": {"enum": ["1:1", "2:3", "3:2", "16:9", "9:16"]}}


class TestSizes:
    @pytest.mark.parametrize(
        ("size", "takes", "fitted"),
        [
            ("1024x1024", SEEDREAM, {"size": "1920x1920"}),
            ("2048x2048", SEEDREAM, {"size": "2048x2048"}),
            ("2K", SEEDREAM, {"size": "2K"}),
            ("1024x1024", QWEN, {"size": "1328*1328"}),
            ("1792x1024", QWEN, {"size": "1664*928"}),
            ("1024x1536", QWEN, {"size": "1104*1472"}),
            ("1328x1328", QWEN, {"size": "1328*1328"}),
            ("1024x1024", OPENAI, {"size": "1024x1024"}),
            ("512x512", OPENAI, {"size": "816x816"}),
            ("1792x1024", GEMINI, {"aspect_ratio": "16:9"}),
            ("1024x1536", GEMINI, {"aspect_ratio": "2:3"}),
            ("odd", GEMINI, {}),
            ("odd", QWEN, {"size": "odd"}),
            ("0x0", SEEDREAM, {"size": "0x0"}),
            ("0x0", QWEN, {"size": "0x0"}),
            ("1024x1024", {}, {}),
        ],
    )
    def test_nearest_of_the_same_shape(self, size: str, takes: Any, fitted: Any) -> None:
        """What the model takes stays; a word that is no size is left for its provider to judge."""
        assert fit_size(size, takes) == fitted

    @pytest.mark.parametrize("size", ["256x256", "512x512", "1024x1024", "1792x1024", "1024x1792", "1536x1024"])
    @pytest.mark.parametrize("takes", [SEEDREAM, OPENAI])
    def test_keeps_to_the_bounds(self, size: str, takes: Any) -> None:
        """Area, sides, step: a service refuses what is a pixel off."""
        hints = takes["size"]["x-ui"]
        width, height = (int(side) for side in str(fit_size(size, takes)["size"]).split("x"))
        assert hints["area"][0] <= width * height <= hints["area"][1]
        assert width % hints.get("step", 1) == height % hints.get("step", 1) == 0
        wanted = [int(side) for side in size.split("x")]
        assert width / height == pytest.approx(wanted[0] / wanted[1], rel=0.03)


class TestWords:
    @pytest.mark.parametrize(
        ("name", "value", "allowed", "fitted"),
        [
            ("quality", "hd", ["auto", "low", "medium", "high"], "high"),
            ("quality", "high", ["standard", "hd"], "hd"),
            ("quality", "low", ["standard", "hd"], "standard"),
            ("quality", "max", ["low", "high"], "high"),
            ("quality", "odd", ["standard", "hd"], None),
            ("output_format", "jpeg", ["webp", "jpg", "png"], "jpg"),
            ("output_format", "webp", ["jpeg", "png"], None),
            ("style", "vivid", ["vivid", "natural"], "vivid"),
        ],
    )
    def test_what_comes_nearest(self, name: str, value: str, allowed: list[str], fitted: str | None) -> None:
        """Or nothing, and the model decides."""
        assert fit_choice(name, value, {"enum": allowed}) == fitted


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "schema", "meant"),
        [
            ("1", {"enum": ["1", "0.25"]}, "1"),
            ("1", {"enum": [1, 2]}, 1),
            ("7", {"type": "integer"}, 7),
            ("7", {"type": "string"}, "7"),
            ("7.5", {"type": "number"}, 7.5),
            ("TRUE", {"type": "boolean"}, True),
            ("-1", {"anyOf": [{"type": "integer"}, {"enum": [-1]}]}, -1),
        ],
    )
    def test_say_what_the_model_takes(self, text: str, schema: Any, meant: object) -> None:
        """A choice whose name is a number stays one: it was left out, and something else was bought."""
        assert typed(text, schema) == meant
        assert type(typed(text, schema)) is type(meant)
