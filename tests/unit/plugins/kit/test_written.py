"""JSON as it is written to services and clients."""

from __future__ import annotations

import sys
import tracemalloc
from types import MappingProxyType

import pytest

from danqing_plugins.kit.written import write_json

MANY = 100


class TestWriteJson:
    def test_mappings_and_chinese_are_written_as_they_are(self) -> None:
        """Frozen mappings, too, which is what jobs are made of."""
        assert write_json(MappingProxyType({"prompt": "水墨山谷"})) == '{"prompt":"水墨山谷"}'.encode()

    @pytest.mark.parametrize("characters", [10, 900, 5_000, 300_000])
    def test_a_body_takes_no_more_memory_than_it_is_long(self, characters: int) -> None:
        """It is held while its answer is waited for, and thousands are."""
        value = {"prompt": "x" * characters}
        tracemalloc.start()
        try:
            bodies = [write_json(value) for _ in range(MANY)]
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert taken < MANY * (sys.getsizeof(bodies[0]) + 64)
