"""docs/operating.md: every command of it, as it stands there, answers on a real server within a minute."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import pytest

from tests.support.examples import serving
from tests.support.servers import RunningServer, wait_until

pytestmark = pytest.mark.processes

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
COMMANDS = tuple(dict.fromkeys(re.findall(r"^    \$ danqing (.+)$", PAGE, re.MULTILINE)))
TASKS = {"a hill": "completed", "[sandbox:moderation] a hill": "failed"}
DELAYED = "later"
MODEL = "doubao-seedream-4-0-250828"


@attrs.frozen
class Shop:
    """A server with tasks that were made, failed and wait, and the variables to ask it with."""

    folder: Path
    variables: Mapping[str, str]
    failed: str
    waiting: str

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run what stands on the page, with names in the place of its words."""
        named = command.replace("TASK", self.waiting).replace("DIR", str(self.folder / "backups"))
        return subprocess.run(
            [sys.executable, "-m", "danqing_server", *shlex.split(named)],
            cwd=self.folder,
            env={**self.variables, "PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "en_US.UTF-8"},
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture(scope="module")
def shop(
    shared_mongod: RunningServer,
    shared_redis: RunningServer,
    sandbox: RunningServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    """One server for the whole page."""
    folder = tmp_path_factory.mktemp("shop")
    variables = {
        "MONGO_URL": shared_mongod.url,
        "REDIS_URL": shared_redis.url,
        "DANQING_DATABASE": "operating_page",
        "DANQING_REDIS_PREFIX": "operating-page",
        "DANQING_DATA_DIR": str(folder / "data"),
        "DANQING_SANDBOX_URL": sandbox.url,
        "DANQING_LEDGER": "all",
    }
    with serving(folder, variables) as serve:
        made = {prompt: _submit(serve.base_url, prompt) for prompt in TASKS}
        waiting = _submit(serve.base_url, DELAYED, delay=3000)
        for prompt, status in TASKS.items():
            wait_until(lambda task=made[prompt], end=status: _status(serve.base_url, task) == end, what=prompt)  # type: ignore[misc]  # a lambda's defaults
        port = serve.base_url.rpartition(":")[2]
        asking = {**variables, "DANQING_URL": serve.base_url, "PORT": port}
        yield Shop(folder, asking, made["[sandbox:moderation] a hill"], waiting)


def _submit(base: str, prompt: str, **fields: object) -> str:
    input_ = {"prompt": prompt, "size": "1280x720"}
    body = json.dumps({"type": "image", "model": MODEL, "user_id": "ann", "input": input_, **fields}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{base}/api/v1/ai/tasks", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.load(answer)["data"]["id"])


def _status(base: str, task: str) -> str:
    with urllib.request.urlopen(f"{base}/api/v1/ai/image/result/{task}", timeout=10) as answer:
        return str(json.load(answer)["data"]["status"])


class TestPage:
    def test_it_has_the_questions_that_are_asked(self) -> None:
        """What waits, what failed, whose fault, who spends, the backup."""
        assert len(COMMANDS) >= 10
        for word in ("lanes", "show TASK", "tasks --status failed --since 1h", "users", "backup verify DIR"):
            assert any(word in command for command in COMMANDS), word

    def test_every_command_answers_in_a_minute(self, shop: Shop) -> None:
        """Also the last one: a backup that was just taken is good."""
        assert shop.run(f"backup {shop.folder / 'backups'}").returncode == 0
        for command in COMMANDS:
            began_s = time.monotonic()
            done = shop.run(command)
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            assert done.stdout.strip() or "unknown" in command, command  # nothing is in doubt here
            assert time.monotonic() - began_s < 60, command


class TestAnswers:
    def test_what_waits_says_why(self, shop: Shop) -> None:
        """By the words of the page's table."""
        listed, shown = shop.run("tasks --status pending,scheduled"), shop.run(f"show {shop.waiting}")

        assert shop.waiting in listed.stdout
        assert "schedule" in shown.stdout
        assert "`schedule`" in PAGE

    def test_what_failed_has_its_code_and_its_cost(self, shop: Shop) -> None:
        """And nothing else is listed."""
        lines = shop.run("tasks --status failed --since 1h").stdout.splitlines()

        assert len(lines) == 1
        for word in (shop.failed, "content_rejected", "0.00 CNY"):
            assert word in lines[0]

    def test_who_spends_is_named(self, shop: Shop) -> None:
        """With the sum."""
        (line,) = shop.run("users --since 7d").stdout.splitlines()

        assert line.split("\t")[:2] == ["ann", "CNY"]
