"""danqing.toml with the real server: two accounts of one service, and the file read anew under requests."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.examples import run_command, serving
from tests.support.serve import Serve
from tests.support.servers import RunningServer, wait_until

pytestmark = pytest.mark.processes

KEYS = {"FIRST_KEY": "0b1c2d3e-first", "SECOND_KEY": "0b1c2d3e-second"}
MODEL, SIZE = "doubao-seedream-4-0-250828", "1280x720"


def account(name: str, variable: str, sandbox: RunningServer, *more: str) -> str:
    """Return a provider as the file has it, whose real service is the run's sandbox."""
    lines = ["[[providers]]", f'name = "{name}"', 'plugin = "volcengine"', f'api_key = "${variable}"']
    return "\n".join([*lines, f'endpoint = "{sandbox.url}/ark"', *more, ""])


def ask(url: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """Send a request and return its status and its JSON."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


class Server:
    """A server with a `danqing.toml` in its working directory."""

    def __init__(self, serve: Serve, folder: Path) -> None:
        self.serve, self.folder = serve, folder

    def submit(self, provider: str, prompt: str) -> tuple[int, Any]:
        """Submit a picture."""
        input_ = {"prompt": prompt, "size": SIZE}
        body = {"provider": provider, "type": "image", "model": MODEL, "user_id": "u", "input": input_}
        return ask(f"{self.serve.base_url}/api/v1/ai/tasks", body)

    def tasks(self) -> list[dict[str, Any]]:
        """Return the tasks that there are."""
        found: list[dict[str, Any]] = ask(f"{self.serve.base_url}/api/v1/tasks/user/u?limit=100")[1]["data"][
            "tasks"
        ]
        return found

    def until_completed(self) -> None:
        """Wait for the end of all tasks."""
        wait_until(lambda: all(task["status"] == "completed" for task in self.tasks()), timeout_s=40)

    def providers(self) -> set[str]:
        """Return the names of the providers that there are."""
        listed = ask(f"{self.serve.base_url}/api/v1/providers")[1]["data"]["providers"]
        return {provider["name"] for provider in listed}

    def reload(self, file: str, outcome: str) -> list[dict[str, Any]]:
        """Write the file, send SIGHUP, and wait for the log to tell the *outcome*; return those lines."""
        before = len(self.serve.events(outcome))
        (self.folder / "danqing.toml").write_text(file)
        self.serve.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(self.serve.events(outcome)) > before, timeout_s=40, what=outcome)
        return self.serve.events(outcome)[before:]


@pytest.fixture
def variables(
    mongo_url: str, database_name: str, redis_url: str, redis_prefix: str, tmp_path: Path
) -> dict[str, str]:
    """The variables of a server with names of this test's own."""
    return {
        "MONGO_URL": mongo_url,
        "REDIS_URL": redis_url,
        "DANQING_DATABASE": database_name,
        "DANQING_REDIS_PREFIX": redis_prefix,
        "DANQING_DATA_DIR": str(tmp_path / "data"),
        "LOG_LEVEL": "info",
        **KEYS,
    }


@contextmanager
def running(folder: Path, file: str, variables: dict[str, str]) -> Iterator[Server]:
    """Run a server with *file* while the block lasts."""
    (folder / "danqing.toml").write_text(file)
    with serving(folder, variables) as serve:
        yield Server(serve, folder)


def bills(sandbox: RunningServer, prompt: str) -> list[str]:
    """Return which accounts paid for pictures of *prompt*."""
    entries = ask(f"{sandbox.url}/sandbox/ledger")[1]["entries"]
    names = {hashlib.sha256(key.encode()).hexdigest()[:12]: variable for variable, key in KEYS.items()}
    return [names[entry["api_key"]] for entry in entries if entry["prompt"] == prompt]


class TestAccounts:
    def test_two_providers_of_one_plugin_pay_with_a_key_each(
        self, variables: dict[str, str], sandbox: RunningServer, tmp_path: Path
    ) -> None:
        """The service's own ledger says who paid; the third, without a key of its own, is not there."""
        file = account("first", "FIRST_KEY", sandbox) + account("second", "SECOND_KEY", sandbox)
        with running(tmp_path, file, variables) as server:
            assert server.providers() == {"first", "second"}
            for provider in ("first", "second", "second"):
                assert server.submit(provider, "two accounts")[0] == 201
            assert server.submit("volcengine", "two accounts")[0] == 400
            server.until_completed()
            assert sorted({task["provider"] for task in server.tasks()}) == ["first", "second"]
        assert sorted(bills(sandbox, "two accounts")) == ["FIRST_KEY", "SECOND_KEY", "SECOND_KEY"]

    def test_mistakes_refuse_the_start_a_line_each(self, variables: dict[str, str], tmp_path: Path) -> None:
        """Before anything is started; no traceback."""
        text = '[server]\nport = "x"\n[[providers]]\nname = "a"\nplugin = "volcengin"\n[[routes]]\nmodel = "p"\n'
        (tmp_path / "danqing.toml").write_text(text)
        done = run_command([sys.executable, "-m", "danqing_server", "serve"], tmp_path, variables)
        assert done.returncode == 2
        assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [
            ["danqing", "danqing.toml:2"],
            ["danqing", "danqing.toml:4"],
            ["danqing", "danqing.toml:6"],
        ]


class TestReload:
    def test_a_good_file_is_taken_while_tasks_run(
        self, variables: dict[str, str], sandbox: RunningServer, tmp_path: Path
    ) -> None:
        """A provider more, none of the running tasks lost, none paid for twice."""
        first = account("first", "FIRST_KEY", sandbox)
        with running(
            tmp_path, first, {**variables, "DANQING_PROCESSES": "2", "DANQING_STOP_GRACE": "20"}
        ) as server:
            assert server.submit("first", "[sandbox:slow=2] a reload")[0] == 201
            assert server.submit("second", "a reload")[0] == 400
            server.reload(first + account("second", "SECOND_KEY", sandbox), "rolling_restart_done")
            assert server.providers() == {"first", "second"}
            assert server.submit("second", "a reload")[0] == 201
            server.until_completed()
        assert bills(sandbox, "[sandbox:slow=2] a reload") == ["FIRST_KEY"]
        assert bills(sandbox, "a reload") == ["SECOND_KEY"]

    def test_a_bad_file_is_reported_and_the_old_one_stays(
        self, variables: dict[str, str], sandbox: RunningServer, tmp_path: Path
    ) -> None:
        """Also for a process that dies afterwards: it is started again with what was accepted."""
        first = account("first", "FIRST_KEY", sandbox)
        with running(tmp_path, first, variables) as server:
            pid = (server.serve.health() or {})["pid"]
            bad = first + account("second", "SECND_KEY", sandbox, "concurrency = 0")
            told = server.reload(bad, "rolling_restart_given_up")
            wait_until(lambda: len(server.serve.events("rolling_restart_given_up")) == 2, what="both mistakes")
            told = server.serve.events("rolling_restart_given_up")
            assert [line["reason"].partition(" is not ")[0] for line in told] == [
                "danqing.toml:9: api_key: the variable SECND_KEY",
                "danqing.toml:11: concurrency: 0",
            ]
            assert (server.serve.health() or {})["pid"] == pid
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: (server.serve.health() or {"pid": pid})["pid"] != pid, what="a new process")
            assert server.providers() == {"first"}
            assert server.submit("first", "still the old file")[0] == 201
            server.until_completed()

    def test_a_file_that_is_gone_is_reported_and_what_it_said_stays(
        self, variables: dict[str, str], sandbox: RunningServer, tmp_path: Path
    ) -> None:
        """Saved by way of a rename, say: every provider in it was gone, and others were simulated."""
        with running(tmp_path, account("first", "FIRST_KEY", sandbox), variables) as server:
            (tmp_path / "danqing.toml").rename(tmp_path / "danqing.toml~")
            server.serve.process.send_signal(signal.SIGHUP)
            wait_until(lambda: server.serve.events("rolling_restart_given_up"), timeout_s=40, what="a refusal")
            [told] = server.serve.events("rolling_restart_given_up")
            assert told["reason"] == "danqing.toml: was there before, and is gone; a restart goes on without it"
            assert server.providers() == {"first"}

    def test_a_key_that_is_gone_is_told_where_all_is_simulated_then(
        self, variables: dict[str, str], sandbox: RunningServer, tmp_path: Path
    ) -> None:
        """A misspelt variable made a server of pictures one of paintings, without a word."""
        with running(tmp_path, account("first", "FIRST_KEY", sandbox), variables) as server:
            server.reload(account("first", "FRST_KEY", sandbox), "rolling_restart_done")
            told = server.serve.events("settings")
            assert [line["message"] for line in told] == [
                "danqing.toml:4: api_key: the variable FRST_KEY is not set (did you mean $FIRST_KEY?); "
                "as no provider has its key, it is simulated"
            ]

    def test_what_is_written_to_env_meanwhile_waits_for_the_signal(
        self, variables: dict[str, str], sandbox: RunningServer, tmp_path: Path
    ) -> None:
        """A process that dies is started again with what was accepted, not with what somebody has half written."""
        with running(tmp_path, account("first", "FIRST_KEY", sandbox), variables) as server:
            (tmp_path / ".env").write_text("DANQING_CONCURRENCY=ma")
            pid = (server.serve.health() or {})["pid"]
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: (server.serve.health() or {"pid": pid})["pid"] != pid, what="a new process")

    def test_an_env_file_that_cannot_be_read_is_reported(
        self, variables: dict[str, str], sandbox: RunningServer, tmp_path: Path
    ) -> None:
        """And all stays as it is."""
        file = account("first", "FIRST_KEY", sandbox)
        with running(tmp_path, file, variables) as server:
            pid = (server.serve.health() or {})["pid"]
            (tmp_path / ".env").write_bytes(b"DANQING_CONCURRENCY=\xff")
            [told] = server.reload(file, "rolling_restart_given_up")
            assert ".env: is not UTF-8" in told["reason"]
            assert (server.serve.health() or {})["pid"] == pid
            (tmp_path / ".env").write_text("DANQING_CONCURRENCY=3")
            server.reload(file, "rolling_restart_done")

    def test_where_data_is_kept_changes_with_a_restart_only(
        self, variables: dict[str, str], sandbox: RunningServer, tmp_path: Path
    ) -> None:
        """Pictures of before the signal are found after it, and those of after it stand beside them."""
        del variables["DANQING_DATA_DIR"]
        file = account("first", "FIRST_KEY", sandbox)
        with running(tmp_path, f'{file}[server]\ndata_dir = "here"\n', variables) as server:
            before = server.submit("first", "before")[1]["data"]["id"]
            server.until_completed()
            server.reload(f'{file}[server]\ndata_dir = "elsewhere"\n', "rolling_restart_done")
            after = server.submit("first", "after")[1]["data"]["id"]
            server.until_completed()
            for task in (before, after):
                found = ask(f"{server.serve.base_url}/api/v1/ai/image/result/{task}")[1]["data"]
                with urllib.request.urlopen(found["image_url"], timeout=10) as answer:
                    assert answer.status == 200
        assert not (tmp_path / "elsewhere").exists()
