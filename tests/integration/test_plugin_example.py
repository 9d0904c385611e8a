"""The wheel and the example plugin, installed as a stranger would install them, in an environment of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.examples import ROOT, run_command, serving
from tests.support.serve import Serve
from tests.support.servers import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("installed")]

EXAMPLE = ROOT / "examples" / "plugin_hello"
HELLO_TASK = {"provider": "hello", "type": "image", "model": "hills", "user_id": "user_123"}
PROMPT = "a quiet hill nobody may read of"


def _build(source: Path, folder: Path) -> Path:
    """Build the wheel of *source* without the network and return it."""
    folder.mkdir()
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with both wheels; what they depend on is lent by the tests' own one."""
    folder = tmp_path_factory.mktemp("installed")
    wheels = [_build(ROOT, folder / "danqing"), _build(EXAMPLE, folder / "hello")]
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    installing = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
    ]
    done = subprocess.run([*installing, *map(str, wheels)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return python


@pytest.fixture
def broken(tmp_path: Path) -> str:
    """A folder for PYTHONPATH with an installed plugin that cannot be imported."""
    return _install(tmp_path / "broken", "broken", "broken_plugin", "import nothing_of_that_name\n")


@pytest.fixture
def twin(tmp_path: Path) -> str:
    """A folder for PYTHONPATH with a second plugin that brings a provider `hello`."""
    code = "from danqing_hello.provider import HelloProvider as Twin\n"
    return _install(tmp_path / "twin", "twin", "twin_plugin:Twin", code)


def _install(folder: Path, name: str, target: str, code: str) -> str:
    """Lay a module and its entry point into *folder* as pip would."""
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (folder / f"{target.partition(':')[0]}.py").write_text(code)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[danqing]\n{name} = {target}\n")
    return str(folder)


def _ask(serve: Serve, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Send a request and return the answer's `data`."""
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(serve.base_url + path, data=sent, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        data: dict[str, Any] = json.load(answer)["data"]
        return data


def _finished(serve: Serve, task: dict[str, Any]) -> dict[str, Any]:
    """Wait for a task's end and return it."""
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(_ask(serve, f"/api/v1/tasks/{task['id']}"))
        return found["status"] in ("completed", "failed")

    wait_until(ended, timeout_s=20, what="the end of the task")
    return found


class TestInstalled:
    """The two packages in an environment of their own."""

    def test_wheel_is_what_runs(self, python: Path, tmp_path: Path) -> None:
        """Neither package is taken from the checkout."""
        code = "import danqing_server, danqing_hello; print(danqing_server.__file__, danqing_hello.__file__)"
        done = run_command([python, "-c", code], tmp_path, {})
        assert done.stdout.count(str(python.parents[1])) == 2, done.stderr

    def test_both_plugins_are_listed(self, python: Path, tmp_path: Path) -> None:
        """The provider with its model, the wrapper without any."""
        done = run_command([python.with_name("danqing"), "plugins"], tmp_path, {})
        rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
        assert (done.returncode, done.stderr) == (0, "")
        assert rows["hello"] == ["0.1.0", "ok", "hello", "hills"]
        assert rows["hello_timing"] == ["0.1.0", "ok", "-", "-"]

    def test_examples_own_tests_pass(self, python: Path, tmp_path: Path) -> None:
        """They use the conformance kit as an author would."""
        command = [
            str(python),
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            str(EXAMPLE / "pyproject.toml"),
        ]
        done = run_command([*command, str(EXAMPLE / "tests")], tmp_path, {"PYTHONDONTWRITEBYTECODE": "1"})
        assert done.returncode == 0, done.stdout


class TestServed:
    """The plugin in a running server."""

    @pytest.fixture
    def serve(self, python: Path, tmp_path: Path, variables: dict[str, str]) -> Iterator[Serve]:
        """A server of the new environment."""
        quick = {"DANQING_PLUGIN_HELLO_WORK_S": "0.2"}
        with serving(tmp_path, variables | quick, python=python) as serve:
            yield serve

    def test_task_goes_through_the_plugin(self, serve: Serve) -> None:
        """Submitted over HTTP, painted by the plugin, kept by the server."""
        created = _ask(serve, "/api/v1/ai/tasks", HELLO_TASK | {"input": {"prompt": PROMPT, "n": 2}})
        task = _finished(serve, created)
        assert task["status"] == "completed", task["error"]
        assert [call["indexes"] for call in task["calls"]] == [[0], [1]]
        assert task["cost"] == {"amount": "0.02", "currency": "CNY", "images": 2, "estimated": False}
        urls = [image["url"] for image in task["output"]["images"]]
        bodies = [urllib.request.urlopen(url, timeout=10).read() for url in urls]
        assert len(set(bodies)) == 2
        assert all(body.startswith(b"\x89PNG") for body in bodies)

    def test_wrapper_goes_around_every_provider(self, serve: Serve) -> None:
        """One log line for each generation, its own provider's and ours; no prompt stands in the log."""
        made = [
            _ask(serve, "/api/v1/ai/tasks", HELLO_TASK | {"input": {"prompt": PROMPT}}),
            _ask(serve, "/api/v1/ai/image/task", {"prompt": PROMPT, "user_id": "user_123"}),
        ]
        ids = {task.get("id") or task["task_id"] for task in made}
        assert all(_finished(serve, {"id": id_})["status"] == "completed" for id_ in ids)
        assert {line["task_id"] for line in serve.events("generation_timed")} == ids
        assert PROMPT not in serve.errors

    def test_wrong_field_is_told_before_anything_is_queued(self, serve: Serve) -> None:
        """The plugin's problems are the details of a 400."""
        with pytest.raises(urllib.error.HTTPError) as refused:
            _ask(serve, "/api/v1/ai/tasks", HELLO_TASK | {"input": {"prompt": PROMPT, "n": 9}})
        with refused.value as answer:
            assert answer.code == 400
            assert [detail["field"] for detail in json.load(answer)["details"]] == ["input.n"]

    @pytest.mark.parametrize(("language", "title"), [("en", "Size"), ("zh-CN", "尺寸")])
    def test_form_is_in_the_clients_language(self, serve: Serve, language: str, title: str) -> None:
        """A schema's words are chosen as those of errors are."""
        request = urllib.request.Request(
            f"{serve.base_url}/api/v1/providers", headers={"Accept-Language": language}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            providers = {one["name"]: one for one in json.load(answer)["data"]["providers"]}
        assert providers["hello"]["models"][0]["parameters"]["properties"]["size"]["title"] == title

    def test_broken_plugin_is_reported_and_the_server_works(
        self, python: Path, broken: str, tmp_path: Path, variables: dict[str, str]
    ) -> None:
        """The command says what is wrong with it, `/api/v1/providers` too, and the others go on."""
        listed = run_command([python.with_name("danqing"), "plugins"], tmp_path, {"PYTHONPATH": broken})
        assert listed.returncode == 1
        assert "broken is broken: ModuleNotFoundError: No module named 'nothing_of_that_name'" in listed.stdout
        with serving(tmp_path, variables | {"PYTHONPATH": broken}, python=python) as serve:
            providers = _ask(serve, "/api/v1/providers")
            assert {"hello", "volcengine"} <= {provider["name"] for provider in providers["providers"]}
            errors = {plugin["name"]: plugin["error"] for plugin in providers["plugins"] if plugin["error"]}
            assert errors == {"broken": "ModuleNotFoundError: No module named 'nothing_of_that_name'"}
            created = _ask(serve, "/api/v1/ai/tasks", HELLO_TASK | {"input": {"prompt": PROMPT}})
            assert _finished(serve, created)["status"] == "completed"

    def test_two_plugins_of_one_provider_refuse_the_start(
        self, python: Path, twin: str, tmp_path: Path, variables: dict[str, str]
    ) -> None:
        """In one line that names the provider and the way out; the way out works."""
        command = [str(python.with_name("danqing")), "serve", "--port", "0"]
        done = run_command(command, tmp_path, variables | {"PYTHONPATH": twin})
        assert done.returncode == 2
        refusal = [line for line in done.stderr.splitlines() if line.startswith("danqing:")]
        assert refusal == [
            "danqing: two plugins bring a provider named 'hello'; disable one: DANQING_DISABLED_PLUGINS=twin"
        ]
        assert "Traceback" not in done.stderr
        one = variables | {"PYTHONPATH": twin, "DANQING_DISABLED_PLUGINS": "twin"}
        with serving(tmp_path, one, python=python) as serve:
            assert serve.health() is not None
