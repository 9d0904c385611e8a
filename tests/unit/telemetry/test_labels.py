"""What may stand in a label."""

from __future__ import annotations

from danqing_server.telemetry.labels import Bounded, Models
from tests.support.providers import ScriptedProvider


class TestModels:
    def test_a_model_that_nobody_lists_makes_no_series(self) -> None:
        """Clients choose names freely: each would be a series for ever."""
        models = Models({"scripted": ScriptedProvider().info})

        assert models.of("scripted", "one") == ("scripted", "one")
        assert models.of("scripted", "ep-2026-made-up") == ("scripted", "other")
        assert models.of("gone", "one") == ("other", "other")


class TestBounded:
    def test_beyond_its_bound_all_are_one(self) -> None:
        """Those that were seen before stay themselves."""
        bounded = Bounded(2)

        assert [bounded.of(word) for word in ("a", "b", "c", "a", "d")] == ["a", "b", "other", "a", "other"]
