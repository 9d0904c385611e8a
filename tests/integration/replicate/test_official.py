"""Replicate's own client against the simulator: it, not our code, says that the simulator is right."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from replicate.client import Client
from replicate.exceptions import ModelError, ReplicateError
from replicate.prediction import Prediction

from danqing_providers.sandbox.app import create_app
from danqing_providers.sandbox.config import SandboxConfig
from tests.integration.replicate.conftest import VERSION

pytestmark = pytest.mark.clients

FLUX = "black-forest-labs/flux-schnell"
SMALL = {"megapixels": "0.25"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """Yield the client, led to a simulator whose predictions take a moment."""
    config = SandboxConfig(data_dir=tmp_path / "sandbox", latency_s=0, queued_s=0.1, running_s=0.2)
    async with TestServer(create_app(config)) as server:
        base_url = str(server.make_url("/replicate"))
        client = Client(api_token="r8_token", base_url=base_url)
        yield client
        await client._async_client.aclose()  # the client itself has no way to be closed


def create(client: Client, prompt: str, **more: Any) -> Any:
    """Return the coroutine that creates a prediction of a small picture."""
    return client.models.predictions.async_create(FLUX, input={"prompt": prompt, **SMALL}, **more)


def _prompt(made: Prediction) -> str:
    return str((made.input or {})["prompt"])


class TestClient:
    """replicate 1.0.7."""

    async def test_a_prediction_is_waited_for(self, client: Client) -> None:
        """Its states are those that the client knows."""
        made = await create(client, "山水", wait=False)
        assert made.status == "starting"
        await made.async_wait()
        assert made.status == "succeeded"
        assert made.metrics is not None
        assert made.output[0].startswith("http://127.0.0.1")

    async def test_run_gives_files(self, client: Client) -> None:
        """Held until it is done, with small files in the answer."""
        files: Any = await client.async_run(FLUX, input={"prompt": "山水", **SMALL, "num_outputs": 2}, wait=10)
        assert [(await file.aread())[8:12] for file in files] == [b"WEBP"] * 2

    async def test_held_it_is_processing_with_its_output(self, client: Client) -> None:
        """As the client's own source says: only `starting` means that it is not done."""
        held = await create(client, "山水", wait=10)
        assert held.status == "processing"
        kind, _, content = held.output[0].partition(";base64,")
        assert kind == "data:image/webp"
        assert base64.b64decode(content)[8:12] == b"WEBP"

    async def test_a_wait_that_runs_out_is_no_error(self, client: Client) -> None:
        """The prediction goes on."""
        held = await create(client, "山水 [sandbox:queued=30]", wait=1)
        assert (held.status, held.output) == ("starting", None)

    async def test_a_version_is_run(self, client: Client) -> None:
        """As those of the community are."""
        made = await client.predictions.async_create(version=VERSION, input={"prompt": "山水", **SMALL})
        assert made.version == VERSION

    async def test_the_list_has_the_newest_first(self, client: Client) -> None:
        """A hundred a page, with their input."""
        for number in range(101):
            await create(client, f"山水 {number}", wait=False)
        page = await client.predictions.async_list()
        assert [_prompt(made) for made in page.results[:2]] == ["山水 100", "山水 99"]
        assert page.next is not None
        rest = await client.predictions.async_list(cursor=page.next)
        assert [_prompt(made) for made in rest.results] == ["山水 0"]

    async def test_a_prediction_can_be_cancelled(self, client: Client) -> None:
        """While it runs."""
        made = await create(client, "山水 [sandbox:queued=0] [sandbox:running=30]", wait=False)
        await made.async_cancel()
        await made.async_reload()
        assert made.status == "canceled"

    async def test_the_client_knows_no_aborted(self, client: Client) -> None:
        """What had not begun is `aborted`, which this client does not take for a status."""
        made = await create(client, "山水 [sandbox:queued=30]", wait=False)
        with pytest.raises(ValueError, match="given=aborted"):
            await made.async_cancel()

    async def test_a_model_that_fails(self, client: Client) -> None:
        """The client raises what the prediction says."""
        with pytest.raises(ModelError, match="E005"):
            await client.async_run(FLUX, input={"prompt": "山水 [sandbox:moderation]", **SMALL})

    @pytest.mark.parametrize(
        ("input_", "status", "words"),
        [
            ({"prompt": "山水", "num_outputs": 9}, 422, "less than or equal to 4"),
            ({"prompt": "山水", "seed": None}, 422, "null"),
            ({"prompt": "山水 [sandbox:overdue]"}, 402, "insufficient credit"),
            ({"prompt": "山水 [sandbox:401]"}, 401, "authentication token"),
        ],
    )
    async def test_a_refusal_is_problem_json(
        self, client: Client, input_: dict[str, Any], status: int, words: str
    ) -> None:
        """Status, title and detail."""
        with pytest.raises(ReplicateError) as caught:
            await client.models.predictions.async_create(FLUX, input=input_)
        assert caught.value.status == status
        assert words in str(caught.value.detail)
