"""A serving process of its own, with keys, a simulated service behind it and a wire before it."""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.doors.sdks.wire import Wire, open_wire
from tests.support.providers import picture
from tests.support.servers import RunningServer
from tests.support.serving import run_serving
from tests.support.system import settings_for
from tests.support.whole import only

KEY = "a-key-of-the-tests-own"
POOR_KEY = "a-key-that-has-no-money"
ADMIN_KEY = "a-key-of-the-operator"
ORIGIN = "http://localhost:5173"
"""Of a page that may call the server from a browser."""

NODE_PACKAGES = ("openai@7", "ai@7", "@ai-sdk/openai@4", "@ai-sdk/openai-compatible@3")


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the JavaScript libraries are installed; skips without npm or its registry."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no node, or no npm")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"type": "module", "private": true}')
    install = ["npm", "install", "--no-audit", "--no-fund", "--fetch-retries=1", *NODE_PACKAGES]
    ran = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if ran.returncode != 0:
        pytest.skip(f"npm cannot install the libraries: {ran.stderr.strip().splitlines()[-1:]}")
    shutil.copy(Path(__file__).with_name("clients.mjs"), folder)
    return folder


@pytest.fixture(scope="module")
def variables(
    shared_mongod: RunningServer,
    shared_redis: RunningServer,
    sandbox: RunningServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """Settings of a server that wants a key, and answers or redirects within a second."""
    name = f"sdks_{uuid.uuid4().hex[:16]}"
    settings = settings_for(
        shared_mongod.url,
        name,
        shared_redis.url,
        name,
        tmp_path_factory.mktemp("data"),
        **only("volcengine", sandbox),
        DANQING_API_KEYS=f"tests:{KEY},poor:{POOR_KEY}",
        DANQING_ADMIN_KEY=ADMIN_KEY,
        DANQING_CORS_ORIGINS=ORIGIN,
        DANQING_SYNC_WAIT="1s",
    )
    return dict(settings.environment)


@pytest.fixture(scope="module")
def port(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a serving process."""
    with run_serving(tmp_path_factory.mktemp("serving"), variables) as process:
        yield process.port


@pytest.fixture
async def wire(port: int) -> AsyncIterator[Wire]:
    """The way to it."""
    async with open_wire(port) as wire:
        yield wire


@pytest.fixture(scope="module")
def poor(port: int) -> str:
    """The key of a project that may spend nothing."""
    project = {"id": "poor", "name": "poor", "limits": {"spend_per_day": {"CNY": "0.00"}}}
    with httpx.Client(trust_env=False, base_url=f"http://127.0.0.1:{port}") as client:
        made = client.post("/api/v1/projects", json=project, headers={"Authorization": f"Bearer {ADMIN_KEY}"})
    assert made.status_code == 201, made.text
    return POOR_KEY


@pytest.fixture(scope="session")
def reference() -> str:
    """A reference picture, as base64."""
    return base64.b64encode(picture(256, 256)).decode()
