"""The metrics of a server of several processes: their sum, whoever is asked, and whoever died."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from tests.support.examples import serving
from tests.support.metrics import Scraped
from tests.support.serve import Serve, is_alive
from tests.support.servers import wait_until

pytestmark = pytest.mark.processes

PROCESSES = 2
TASKS = 6


def _scrape(serve: Serve) -> Scraped:
    with urllib.request.urlopen(f"{serve.base_url}/metrics", timeout=10) as answer:
        return Scraped(answer.read().decode())


def _submit(serve: Serve) -> None:
    body = json.dumps({"prompt": "a hill", "user_id": "u", "size": "1280x720"}).encode()
    request = urllib.request.Request(f"{serve.base_url}/api/v1/ai/image/task", data=body)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201


def _completed(serve: Serve, count: int) -> None:
    wait_until(
        lambda: _scrape(serve).sum("danqing_tasks_finished_total", status="completed") == count,
        timeout_s=40,
        what=f"{count} completed tasks",
    )


class TestProcesses:
    def test_the_sum_is_right_whoever_is_asked_and_after_a_death(
        self, variables: dict[str, str], tmp_path: Path
    ) -> None:
        """A process is killed once its work is done: what it counted stays, and all goes on."""
        variables |= {
            "DANQING_PROCESSES": str(PROCESSES),
            "DANQING_METRICS": "on",
        }
        with serving(tmp_path, variables) as serve:
            wait_until(lambda: _scrape(serve).sum("danqing_processes") == PROCESSES, what="both processes")
            for _ in range(TASKS):
                _submit(serve)
            _completed(serve, TASKS)
            wait_until(
                lambda: _scrape(serve).sum("danqing_step_seconds_count", step="work.keep") == TASKS, what="steps"
            )
            for _ in range(4):  # each time whoever takes the connection
                seen = _scrape(serve)
                assert seen.sum("danqing_tasks_submitted_total") == TASKS
                assert seen.sum("danqing_upstream_calls_total", outcome="delivered") == TASKS
            steps = seen.sum("danqing_step_seconds_count", step="work.keep")
            assert steps == TASKS

            victim = serve.children("danqing_server.serving")[0]
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: not is_alive(victim), what="its end")
            died_s = time.monotonic()
            wait_until(lambda: _answers(serve), what="an answer")
            assert _scrape(serve).sum("danqing_tasks_finished_total", status="completed") == TASKS
            wait_until(
                lambda: _scrape(serve).sum("danqing_processes") == PROCESSES, timeout_s=40, what="its successor"
            )
            assert time.monotonic() - died_s < 40

            for _ in range(TASKS):
                _submit(serve)
            _completed(serve, 2 * TASKS)
            kept = "danqing_step_seconds_count"
            wait_until(lambda: _scrape(serve).sum(kept, step="work.keep") == 2 * TASKS, what="all steps")
            wait_until(
                lambda: _scrape(serve).sum("danqing_tasks_submitted_total") == 2 * TASKS, what="all submitted"
            )
            seen = _scrape(serve)
            assert seen.sum("danqing_tasks_submitted_total") == 2 * TASKS
            assert seen.sum("danqing_upstream_calls_total", outcome="delivered") == 2 * TASKS


def _answers(serve: Serve) -> bool:
    try:
        _scrape(serve)
    except OSError:
        return False
    return True
