"""The sandbox and OpenAI's own client, which says whether it answers as OpenAI does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from tests.integration.sandbox.serving import Served, served


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Served]:
    """A sandbox that refuses the thirteenth picture of a minute."""
    async with served(tmp_path, images_per_minute=12, bad_keys=frozenset({"bad"})) as running:
        yield running


@pytest.fixture
async def client(sandbox: Served) -> AsyncIterator[AsyncOpenAI]:
    """The official client, which repeats nothing by itself."""
    async with AsyncOpenAI(base_url=f"{sandbox.url}/openai/v1", api_key="key", max_retries=0) as client:
        yield client
