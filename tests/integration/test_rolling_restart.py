"""A rolling restart of the real server under load: no submission refused, no call repeated."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.examples import serving
from tests.support.servers import wait_until

pytestmark = pytest.mark.processes

EVERY_S = 0.3  # the sandbox takes half of that to paint a picture
MOST_UNFINISHED = 4  # on a busy machine it takes longer, and each process that stops finishes what it has


def ask(url: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """Send a request and return its status and its JSON. Raises HTTPError for 4xx and 5xx."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=10) as answer:
        return answer.status, json.load(answer)


class TestRollingRestart:
    def test_nothing_is_refused_and_nothing_runs_twice(self, variables: dict[str, str], tmp_path: Path) -> None:
        """Both processes are replaced while clients submit and a slow call is under way."""
        variables |= {
            "DANQING_PROCESSES": "2",
            "DANQING_STOP_GRACE": "20",
            "LOG_LEVEL": "info",
        }
        with serving(tmp_path, variables) as serve:
            tasks = f"{serve.base_url}/api/v1/ai/image/task"
            slow = {"prompt": "[sandbox:slow=2] a hill", "user_id": "u", "size": "1280x720"}
            quick = {"prompt": "a hill", "user_id": "u", "size": "1280x720"}
            statuses = [ask(tasks, slow)[0]]
            serve.process.send_signal(signal.SIGHUP)

            submitted_at_s = 0.0

            def found() -> list[dict[str, Any]]:
                page = ask(f"{serve.base_url}/api/v1/tasks/user/u?limit=100")[1]["data"]
                listed: list[dict[str, Any]] = page["tasks"]
                return listed

            def submit_until_done() -> bool:
                nonlocal submitted_at_s
                if time.monotonic() - submitted_at_s >= EVERY_S:
                    submitted_at_s = time.monotonic()
                    unfinished = [task for task in found() if task["status"] != "completed"]
                    if len(unfinished) < MOST_UNFINISHED:
                        statuses.append(ask(tasks, quick)[0])
                return bool(serve.events("rolling_restart_done"))

            wait_until(submit_until_done, timeout_s=40, what="the rolling restart")
            assert len(statuses) > 2
            assert set(statuses) == {201}

            wait_until(lambda: all(task["status"] == "completed" for task in found()), timeout_s=40)
            sent = [[call for call in task["calls"] if call["outcome"] != "unsent"] for task in found()]
            assert [calls for calls in sent if len(calls) != 1] == []
