"""One sandbox for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.sandbox.serving import Served, served


@pytest.fixture
async def ark(tmp_path: Path) -> AsyncIterator[Served]:
    """A sandbox with its defaults and no latency."""
    async with served(tmp_path) as running:
        yield running
