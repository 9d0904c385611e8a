"""fal's own client against the simulator: it, not our code, says that the simulator is right.

The client speaks TLS only, to a host that the environment names, so it runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp.test_utils import TestServer

from danqing_providers.sandbox.app import create_app
from danqing_providers.sandbox.config import SandboxConfig

pytestmark = pytest.mark.clients

SCRIPT = """
import json, sys
import fal_client

def told(update):
    seen.append(type(update).__name__)

seen = []
app, arguments = sys.argv[1], json.loads(sys.argv[2])
try:
    answer = fal_client.subscribe(app, arguments=arguments, with_logs=True, on_queue_update=told)
    print(json.dumps({"answer": answer, "seen": seen}))
except fal_client.FalClientHTTPError as error:
    print(json.dumps({"status": error.status_code, "message": str(error)}))
"""
CANCEL = """
import json, sys
import fal_client

handle = fal_client.submit(sys.argv[1], arguments=json.loads(sys.argv[2]))
first = type(handle.status()).__name__
handle.cancel()
print(json.dumps({"first": first, "id": handle.request_id}))
"""


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """Yield the variables that lead the client to a simulator with a certificate."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    config = SandboxConfig(data_dir=tmp_path / "sandbox", latency_s=0, queued_s=0.2, running_s=0.3)
    server = TestServer(create_app(config), scheme="https")
    await server.start_server(ssl=context)
    try:
        yield {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "FAL_KEY": "id:secret",
            "FAL_QUEUE_RUN_HOST": f"127.0.0.1:{server.port}/fal",
            "FAL_RUN_HOST": f"127.0.0.1:{server.port}/fal",
            "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
        }
    finally:
        await server.close()


async def run(script: str, environment: dict[str, str], app: str, **arguments: Any) -> dict[str, Any]:
    """Return what *script* prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        script,
        app,
        json.dumps(arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    found: dict[str, Any] = json.loads(out)
    return found


class TestClient:
    """fal-client."""

    async def test_a_picture_is_made_through_the_queue(self, environment: dict[str, str]) -> None:
        """Every state of it is one that the client knows."""
        made = await run(SCRIPT, environment, "fal-ai/flux/dev", prompt="山水", num_images=2, image_size="square")
        assert {"Queued", "InProgress"} & set(made["seen"])
        assert [image["width"] for image in made["answer"]["images"]] == [512, 512]
        assert made["answer"]["has_nsfw_concepts"] == [False, False]

    async def test_what_is_wrong_with_a_field_is_told(self, environment: dict[str, str]) -> None:
        """422, as the model's validator says it."""
        told = await run(SCRIPT, environment, "fal-ai/flux/schnell", prompt="山水", num_images=9)
        assert told["status"] == 422
        assert "less than or equal to 4" in told["message"]

    async def test_a_failure_comes_with_the_answer(self, environment: dict[str, str]) -> None:
        """COMPLETED, and then the error."""
        told = await run(SCRIPT, environment, "fal-ai/flux/schnell", prompt="山水 [sandbox:job-fails]")
        assert told["status"] == 500

    async def test_a_request_can_be_cancelled(self, environment: dict[str, str]) -> None:
        """While it waits."""
        told = await run(CANCEL, environment, "fal-ai/flux/schnell", prompt="山水 [sandbox:queued=30]")
        assert told["first"] == "Queued"
