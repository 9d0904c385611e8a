"""OpenAI's words for videos, in the words of models of every kind."""

from __future__ import annotations

from typing import Any

import pytest

from danqing_server.doors.openai.video_fitting import fit_length, fit_video_size, short_side_of

SEEDANCE: dict[str, Any] = {
    "duration": {"anyOf": [{"type": "integer", "minimum": 4, "maximum": 15}, {"enum": [-1]}]},
    "resolution": {"enum": ["480p", "720p", "1080p", "4k"]},
    "ratio": {"enum": ["16:9", "9:16", "1:1", "adaptive"]},
}


class TestLength:
    @pytest.mark.parametrize(
        ("seconds", "schema", "fitted"),
        [
            (8, SEEDANCE["duration"], 8),
            (2, SEEDANCE["duration"], 4),
            (90, SEEDANCE["duration"], 15),
            (8, {"type": "integer", "enum": [5, 10]}, 10),
            (4, {"enum": ["5", "10"]}, "5"),
            (9, {"enum": ["5s", "10s"]}, "10s"),
            (4.5, {"type": "number", "minimum": 1, "maximum": 10}, 4.5),
            (8, {"type": "string"}, "8"),
            (8, {}, 8),
        ],
    )
    def test_nearest_that_the_model_takes(self, seconds: float, schema: dict[str, Any], fitted: object) -> None:
        """In its own type, within its bounds, and never its word for "as you like"."""
        assert fit_length(seconds, {"duration": schema}) == {"duration": fitted}

    def test_frames(self) -> None:
        """At 24 a second, and the first one: 241 are ten seconds."""
        assert fit_length(12, {"frames": {"enum": [121, 241]}}) == {"frames": 241}

    def test_seconds_go_before_frames(self) -> None:
        takes = {"frames": {"enum": [121]}, "duration": {"type": "integer"}}
        assert fit_length(6, takes) == {"duration": 6}

    def test_model_without_a_say(self) -> None:
        assert fit_length(6, {"prompt": {}}) == {}


class TestSize:
    @pytest.mark.parametrize(
        ("size", "fitted"),
        [
            ("1280x720", {"resolution": "720p", "ratio": "16:9"}),
            ("720x1280", {"resolution": "720p", "ratio": "9:16"}),
            ("1792x1024", {"resolution": "1080p", "ratio": "16:9"}),
            ("4096x4096", {"resolution": "4k", "ratio": "1:1"}),
            ("720P", {"resolution": "720p"}),
            ("9:16", {"ratio": "9:16"}),
            ("adaptive", {"ratio": "adaptive"}),
            ("large", {}),
            ("0x0", {}),
        ],
    )
    def test_resolution_and_shape(self, size: str, fitted: dict[str, str]) -> None:
        assert fit_video_size(size, SEEDANCE) == fitted

    def test_models_own_size(self) -> None:
        """It is told by no other parameter then."""
        takes = {"size": {"enum": ["1280x720", "720x1280"]}, "resolution": {"enum": ["720p"]}}
        assert fit_video_size("1920x1080", takes) == {"size": "1280x720"}

    @pytest.mark.parametrize(("word", "side"), [("720p", 720), ("1080P", 1080), ("4k", 2160), ("large", None)])
    def test_words_for_resolutions(self, word: str, side: int | None) -> None:
        assert short_side_of(word) == side
