"""One stage per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.books.stage import Tell, open_stage
from tests.integration.books.story import Story


@pytest.fixture
def tell(mongo_url: str, redis_url: str, tmp_path: Path) -> Iterator[Tell]:
    """Tells a story and judges the books."""
    with open_stage(mongo_url, redis_url, tmp_path) as opened:

        def tell(story: Story) -> None:
            opened.tell(story)

        yield tell
