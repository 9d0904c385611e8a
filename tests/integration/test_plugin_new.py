"""`danqing plugin new`: from the scaffold to green within five minutes, as an author would go."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from danqing_server.cli.commands import main
from tests.support.examples import run_command, serving
from tests.support.servers import wait_until

pytestmark = pytest.mark.processes

FIVE_MINUTES_S = 300.0
BIN = Path(sys.executable).parent
QUIET = {"PYTHONDONTWRITEBYTECODE": "1"}


def run(arguments: list[str | Path], cwd: Path, **variables: str) -> str:
    """Run a command that must succeed and return what it printed."""
    done = run_command(arguments, cwd, {**QUIET, **variables}, timeout_s=FIVE_MINUTES_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(folder: Path, name: str, *options: str) -> Path:
    """Write a plugin and return its folder."""
    assert main(["plugin", "new", name, "--into", str(folder), *options]) == 0
    return folder / f"danqing-{name.replace('_', '-')}"


def installed(package: Path, folder: Path) -> str:
    """Install *package* with its entry point into *folder*, without the network; return it for PYTHONPATH."""
    pip: list[str | Path] = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    run([*pip, "--no-build-isolation", "--target", folder, package], package)
    return str(folder)


class TestScaffold:
    """What is written works as it stands."""

    @pytest.mark.parametrize(("name", "options"), [("acme_paint", ()), ("slow_acme", ("--async",))])
    def test_from_scaffold_to_green_in_five_minutes(
        self, name: str, options: tuple[str, ...], tmp_path: Path, record_property: Any
    ) -> None:
        """Its own tests, ruff, mypy strict, and the conformance kit against its simulator."""
        began_s = time.monotonic()
        package = written(tmp_path, name, *options)
        run([BIN / "ruff", "check", "--no-cache", "."], package)
        run([BIN / "ruff", "format", "--no-cache", "--check", "."], package)
        run([BIN / "mypy", "--cache-dir", tmp_path / "mypy"], package)
        run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], package)
        path = installed(package, tmp_path / "site")
        told = run([sys.executable, "-m", "danqing_server", "plugin", "check", name], tmp_path, PYTHONPATH=path)
        took_s = time.monotonic() - began_s
        assert told.endswith("checks passed\n")
        record_property("seconds_from_scaffold_to_green", round(took_s, 1))
        assert took_s < FIVE_MINUTES_S

    @pytest.mark.parametrize("name", ["x", "a_name_that_has_32_characters_ok"])
    @pytest.mark.parametrize("options", [(), ("--async",)])
    def test_any_name_is_formatted(self, name: str, options: tuple[str, ...], tmp_path: Path) -> None:
        """The shortest and the longest leave no line too long."""
        package = written(tmp_path, name, *options)
        run([BIN / "ruff", "check", "--no-cache", "."], package)
        run([BIN / "ruff", "format", "--no-cache", "--check", "."], package)

    @pytest.mark.parametrize("name", ["", "Acme", "1st", "a-b", "class", "a" * 33, "../up"])
    def test_wrong_name_writes_nothing(self, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """One line that says what is allowed."""
        assert main(["plugin", "new", name, "--into", str(tmp_path)]) == 2
        assert "allowed: lower-case letters" in capsys.readouterr().err
        assert [*tmp_path.iterdir()] == []

    @pytest.mark.parametrize(
        ("name", "by"),
        [
            ("server", "there is a package danqing_server"),
            ("plugins", "there is a package danqing_plugins"),
            ("client", "there is a package danqing_client"),
            ("volcengine", "a plugin volcengine is installed"),
            ("all", "DANQING_SANDBOX=all means every provider"),
        ],
    )
    def test_name_that_is_taken_writes_nothing(
        self, name: str, by: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Installed, the package would have stood in the place of the server's own."""
        assert main(["plugin", "new", name, "--into", str(tmp_path)]) == 2
        assert capsys.readouterr().err == f"danqing: NAME: {name!r} is taken: {by}\n"
        assert [*tmp_path.iterdir()] == []

    def test_what_is_there_is_left(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Nobody's work is written over."""
        package = written(tmp_path, "acme")
        (package / "README.md").write_text("mine")
        assert main(["plugin", "new", "acme", "--into", str(tmp_path)]) == 2
        assert "is there already" in capsys.readouterr().err
        assert (package / "README.md").read_text() == "mine"


class TestServed:
    """The scaffold in a running server that has no key."""

    def test_task_goes_through_it_and_its_simulator(
        self, tmp_path: Path, mongo_url: str, redis_url: str, database_name: str, redis_prefix: str
    ) -> None:
        """`danqing serve` starts the simulator that the plugin names; the pictures are kept."""
        path = installed(written(tmp_path, "slow_acme", "--async"), tmp_path / "site")
        variables = {
            "PYTHONPATH": path,
            "MONGO_URL": mongo_url,
            "REDIS_URL": redis_url,
            "DANQING_DATABASE": database_name,
            "DANQING_REDIS_PREFIX": redis_prefix,
            "DANQING_DATA_DIR": str(tmp_path / "data"),
        }
        given = {
            "provider": "slow_acme",
            "type": "image",
            "model": "slow-acme-1",
            "input": {"prompt": "a hill", "n": 2},
            "user_id": "user_123",
        }
        with serving(tmp_path, variables) as serve:
            task: dict[str, Any] = _ask(f"{serve.base_url}/api/v1/ai/tasks", given)

            def ended() -> bool:
                task.update(_ask(f"{serve.base_url}/api/v1/tasks/{task['id']}"))
                return task["status"] in ("completed", "failed")

            wait_until(ended, timeout_s=30, what="the end of the task")
        assert task["status"] == "completed", task["error"]
        assert len(task["output"]["images"]) == 2
        assert task["cost"]["amount"] == "0.08"


def _ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=sent, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        data: dict[str, Any] = json.load(answer)["data"]
        return data
