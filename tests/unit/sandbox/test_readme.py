"""The page for writers of dialects names what there is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import danqing_providers.sandbox
from danqing_providers.sandbox.gallery import Gallery
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.jobs import Jobs
from danqing_providers.sandbox.rate import Rate
from danqing_providers.sandbox.troubles import TroubleKind

TEXT = (Path(danqing_providers.sandbox.__file__).parent / "README.md").read_text()
ROOMS = {"house": House, "gallery": Gallery, "jobs": Jobs, "rate": Rate}
HELD = {"gallery", "jobs", "rate", "clock"}
"""What a house has for its own, beside what its class defines."""


class TestReadme:
    """Names and code."""

    @pytest.mark.parametrize("room", ROOMS)
    def test_methods(self, room: str) -> None:
        """Each method that is called exists."""
        called = set(re.findall(rf"\b{room}\.(\w+)\(", TEXT))
        assert called - HELD
        assert [name for name in called - HELD if not hasattr(ROOMS[room], name)] == []

    def test_troubles(self) -> None:
        """Each trouble that is named exists."""
        named = set(re.findall(r"\b(KEY_\w+|INVALID|RATE_LIMITED|MODERATION|INTERNAL)\b", TEXT))
        assert named <= set(TroubleKind.__members__)

    def test_code(self) -> None:
        """The example can be read by Python."""
        (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
        assert ast.parse(code)
