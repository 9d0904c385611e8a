"""What shares limits, by what a provider says of itself."""

from __future__ import annotations

import attrs
import pytest

from danqing_plugins import Limits, ModelInfo, ProviderInfo
from danqing_server.records.lanes import check_lanes, lane_name, lane_word_of, lanes_of

INFO = ProviderInfo(
    name="p",
    title="P",
    models=(ModelInfo(id="a", title="A"), ModelInfo(id="b", title="B", lane="video")),
    default_model="a",
    concurrency=5,
    images_per_minute=60,
    lanes={"video": Limits(concurrency=2, calls_per_minute=10)},
)


class TestLanes:
    def test_a_provider_has_its_own_and_one_for_each_word(self) -> None:
        assert lanes_of(INFO) == {
            "p": Limits(concurrency=5, outputs_per_minute=60),
            "p:video": Limits(concurrency=2, calls_per_minute=10),
        }

    def test_a_model_goes_through_the_lane_it_names(self) -> None:
        """A model that is not listed goes through its provider's own."""
        words = [lane_word_of(INFO, model) for model in ("a", "b", "c")]
        assert [lane_name("p", word) for word in words] == ["p", "p:video", "p"]

    @pytest.mark.parametrize("word", ["", "Video", "a:b", "a b", "a" * 33])
    def test_a_word_is_a_plain_name(self, word: str) -> None:
        with pytest.raises(ValueError, match="lower-case letters"):
            check_lanes(attrs.evolve(INFO, lanes={**INFO.lanes, word: Limits()}))

    def test_a_lane_without_limits_is_refused(self) -> None:
        """The message says which there are."""
        with pytest.raises(ValueError, match="'b' names lane 'video'; known: slow"):
            check_lanes(attrs.evolve(INFO, lanes={"slow": Limits()}))
