"""Requests made up from the OpenAPI document, by schemathesis with all its checks, against a whole process.

`make test-schema` runs the long form: more examples, and chains of requests. Their seed differs each time and is
told at the end; SCHEMA_SEED makes the same requests again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from danqing_server.settings.server import Settings
from tests.support.serving import ServingProcess, run_serving
from tests.support.system import MakeSettings

pytestmark = pytest.mark.schema

CONFIGURATION = Path(__file__).parents[2] / "data" / "schemathesis" / "schemathesis.toml"
EXAMPLES = os.environ.get("SCHEMA_EXAMPLES")
SEED = os.environ.get("SCHEMA_SEED")
MADE_UP = (
    ("--max-examples", EXAMPLES, *(("--seed", SEED) if SEED else ()))
    if EXAMPLES
    else ("--max-examples", "2", "--generation-deterministic")
)
PHASES = "examples,coverage,fuzzing"
OF_ADMINISTRATORS = (
    *("--phases", PHASES),
    *("--include-path-regex", "^/api/v1/(audit|keys|lanes|projects|server|usage)"),
    *("--exclude-path-regex", "/(revoke|rotate)$"),  # the key that asks is among those it finds
)
DANQING = (sys.executable, "-m", "danqing_server")
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
    ask(serving, SECRET, tmp_path, (*MADE_UP, "--phases", f"{PHASES},stateful" if EXAMPLES else PHASES))


def test_document_and_server_agree_for_administrators(
    serving: ServingProcess, settings_with_sandbox: Settings, tmp_path: Path
) -> None:
    """The same of what only administrators may."""
    command = (*DANQING, "keys", "create", "--admin", "--name", "ops", "--json")
    environment = {**os.environ, **settings_with_sandbox.environment}
    made = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    secret = json.loads(made.stdout)["secret"]
    ask(serving, secret, tmp_path, (*MADE_UP, *OF_ADMINISTRATORS))


def ask(serving: ServingProcess, secret: str, folder: Path, options: Sequence[str]) -> None:
    """Have schemathesis ask with a key, and fail with what it found."""
    document = f"http://127.0.0.1:{serving.port}/openapi.json"
    program = Path(sys.executable).with_name("schemathesis")
    always = ["--checks", "all", "--continue-on-failure", "--no-color", "-H", f"Authorization: Bearer {secret}"]
    done = subprocess.run(
        [program, "--config-file", CONFIGURATION, "run", document, *always, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    failures, _, warnings = done.stdout.partition("= WARNINGS =")
    print(failures[-3000:], warnings[-1500:])
    assert done.returncode == 0, failures + done.stderr
