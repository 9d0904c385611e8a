"""A stream of pictures that cannot be brought, to Ark's own library."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from danqing_plugins import Job, Prepared, Request, Run, Source
from tests.integration.api.conftest import Open
from tests.integration.doors.ark.conftest import ark_library
from tests.support.providers import ScriptedProvider, picture


@attrs.define(eq=False)
class Pairs(ScriptedProvider):
    """Makes two pictures of every prompt."""

    def prepare(self, request: Request) -> Prepared:
        """Take anything."""
        return attrs.evolve(super().prepare(request), outputs=2)


@pytest.mark.usefixtures("imported")
class TestEnds:
    async def test_deleted_task_is_told(self, open_api: Open) -> None:
        """At another process, between two looks; an end without a word would be taken for that of the group."""
        gate = asyncio.Event()

        async def paint(job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                await run.deliver(0, Source.from_bytes(picture()))
                await gate.wait()

        async with open_api(workers=True, provider=Pairs(paint)) as api:
            client = ark_library.AsyncArk(base_url=f"{api.base}/api/v3", api_key="any", max_retries=0)
            stream = await client.images.generate(model="one", prompt="two foxes", stream=True)
            first: Any = await anext(stream)
            await api.services.store.database["danqing_tasks"].delete_many({})  # as another process does
            with pytest.raises(ark_library._exceptions.ArkAPIError) as caught:
                await anext(stream)
            await client.close()
        assert first.type == "image_generation.partial_succeeded"
        assert caught.value.body["code"] == "ResourceNotFound"
