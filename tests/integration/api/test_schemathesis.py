"""Requests made up from the OpenAPI document, by schemathesis with all its checks, against a whole process.

`make test-schema` runs the long form: more examples, whose seed differs each time, and chains of requests.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from danqing_server.settings.server import Settings
from tests.support.serving import ServingProcess, run_serving
from tests.support.system import MakeSettings

pytestmark = pytest.mark.schema

CONFIGURATION = Path(__file__).parents[2] / "data" / "schemathesis" / "schemathesis.toml"
EXAMPLES = os.environ.get("SCHEMA_EXAMPLES")
SHORT = ("--max-examples", "2", "--generation-deterministic", "--phases", "examples,coverage,fuzzing")
LONG = ("--max-examples", EXAMPLES or "", "--phases", "examples,coverage,fuzzing,stateful")
SECRET = "a-key-of-this-test"
TIMEOUT_S = 1800 if EXAMPLES else 120


@pytest.fixture
def settings_with_sandbox(make_settings: MakeSettings, sandbox_url: str) -> Settings:
    """Settings of a process whose provider is the real one, on the sandbox, and which wants a key."""
    return make_settings(
        DANQING_SANDBOX_URL=sandbox_url,
        DANQING_DISABLED_PLUGINS="",
        DANQING_DEFAULT_PROVIDER="volcengine",
        DANQING_API_KEYS=f"one:{SECRET}",
    )


@pytest.fixture
def serving(settings_with_sandbox: Settings, tmp_path: Path) -> Iterator[ServingProcess]:
    """A process that takes tasks and carries them out."""
    with run_serving(tmp_path, settings_with_sandbox.environment) as process:
        yield process


def test_document_and_server_agree(serving: ServingProcess, tmp_path: Path) -> None:
    """R8: no answer that it does not foresee, nothing taken that it forbids, nothing refused that it allows."""
    document = f"http://127.0.0.1:{serving.port}/openapi.json"
    program = Path(sys.executable).with_name("schemathesis")
    options = ["--checks", "all", "--continue-on-failure", "--no-color", "-H", f"Authorization: Bearer {SECRET}"]
    done = subprocess.run(
        [program, "--config-file", CONFIGURATION, "run", document, *options, *(LONG if EXAMPLES else SHORT)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    print(done.stdout[-3000:])
    assert done.returncode == 0, done.stdout + done.stderr
