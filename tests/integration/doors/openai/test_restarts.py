"""A server that dies or is replaced in the middle of a call: the service's ledger judges."""

from __future__ import annotations

import base64
import io
import json
import signal
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from PIL import Image
from pymongo import MongoClient

from danqing_server.supervision.embedded.servers import free_port
from tests.support.examples import serving
from tests.support.servers import RunningServer, run_sandbox, wait_until
from tests.support.serving import run_serving

pytestmark = pytest.mark.kills

WISH = {"model": "gpt-image-1", "prompt": "a red fox in the snow"}
LATENCY_S = 3


@pytest.fixture
def slow_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A sandbox of this test's own that takes its time."""
    folder = tmp_path_factory.mktemp("sandbox")
    with run_sandbox(folder, port=free_port(), arguments=("--latency-s", str(LATENCY_S))) as server:
        yield server


@pytest.fixture
def sandbox_url(slow_service: RunningServer) -> str:
    """That one instead of the run's."""
    return slow_service.url


@pytest.fixture
def variables(variables: dict[str, str]) -> dict[str, str]:
    """Settings of every process of the test."""
    return {**variables, "DANQING_DEFAULT_PROVIDER": "volcengine"}


def purchases(service: RunningServer) -> int:
    """Return how many pictures the service charged for."""
    with urllib.request.urlopen(f"{service.url}/sandbox/ledger", timeout=10) as answer:
        return len(json.load(answer)["entries"])


def ask(port: int, headers: dict[str, str] | None = None, *, follows: bool = True) -> httpx.Response:
    url = f"http://127.0.0.1:{port}/v1/images/generations"
    with httpx.Client(trust_env=False, timeout=60, follow_redirects=follows) as client:
        return client.post(url, json=WISH, headers=headers)


def is_picture(data: str) -> bool:
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        return picture.width > 0


class TestKilled:
    @pytest.mark.parametrize("headers", [{}, {"x-stainless-retry-count": "1"}])
    def test_repeat_elsewhere_finds_the_task(
        self, variables: dict[str, str], slow_service: RunningServer, tmp_path: Path, headers: dict[str, str]
    ) -> None:
        """The process that held the connection is gone; another carries the task out, and a third is asked."""
        failed: list[BaseException] = []

        def first(port: int) -> None:
            try:
                ask(port)
            except httpx.HTTPError as error:
                failed.append(error)

        folders = [tmp_path / name for name in ("worker", "first", "second")]
        for folder in folders:
            folder.mkdir()
        with run_serving(folders[0], variables):
            with run_serving(folders[1], {**variables, "DANQING_ROLE": "api"}) as dying:
                call = threading.Thread(target=first, args=(dying.port,))
                call.start()
                wait_until(lambda: _is_running(variables), what="the task being carried out")
            call.join(timeout=20)
            assert failed
            with run_serving(folders[2], {**variables, "DANQING_ROLE": "api"}) as healthy:
                reply = ask(healthy.port, headers)
        assert reply.status_code == 200, reply.text[:300]
        assert is_picture(reply.json()["data"][0]["b64_json"])
        assert purchases(slow_service) == 1

    def test_repeat_of_one_that_was_just_redirected_finds_the_task(
        self, variables: dict[str, str], slow_service: RunningServer, tmp_path: Path
    ) -> None:
        """The process that is to be gone back to is no more, and so the client asks anew, with no mark of that."""
        folders = [tmp_path / name for name in ("worker", "first", "second")]
        for folder in folders:
            folder.mkdir()
        with run_serving(folders[0], variables):
            hasty = {**variables, "DANQING_ROLE": "api", "DANQING_SYNC_WAIT": "1"}
            with run_serving(folders[1], hasty) as dying:
                assert ask(dying.port, follows=False).status_code == 303
            with run_serving(folders[2], {**variables, "DANQING_ROLE": "api"}) as healthy:
                reply = ask(healthy.port)
        assert is_picture(reply.json()["data"][0]["b64_json"])
        assert purchases(slow_service) == 1


class TestReplaced:
    def test_library_gets_its_picture(
        self, variables: dict[str, str], slow_service: RunningServer, tmp_path: Path
    ) -> None:
        """A rolling restart in the middle of its call: redirected or repeated, one picture is bought."""
        made: list[Any] = []
        with serving(tmp_path, {**variables, "DANQING_STOP_GRACE": "20"}) as serve:

            def generate() -> None:
                with (
                    httpx.Client(trust_env=False, timeout=60, follow_redirects=True) as session,
                    openai.OpenAI(base_url=f"{serve.base_url}/v1", api_key="none", http_client=session) as client,
                ):
                    made.append(client.images.generate(model=WISH["model"], prompt=WISH["prompt"]))

            call = threading.Thread(target=generate)
            call.start()
            wait_until(lambda: _is_running(variables), what="the task being carried out")
            serve.send(signal.SIGHUP)
            call.join(timeout=60)
        assert is_picture(made[0].data[0].b64_json)
        assert purchases(slow_service) == 1


def _is_running(variables: dict[str, str]) -> bool:
    with MongoClient[dict[str, Any]](variables["MONGO_URL"]) as client:
        tasks = client[variables["DANQING_DATABASE"]]["danqing_tasks"]
        return tasks.find_one({"status": "processing", "calls": {"$exists": True, "$ne": {}}}) is not None
