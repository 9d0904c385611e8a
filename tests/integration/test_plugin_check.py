"""`danqing plugin check`: what the conformance kit finds, in the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from danqing_plugins.findings import GENERATE, INFO, ORDERS, PREPARE
from danqing_server.cli.checking import LOADING, SETTINGS, SIMULATING, STARTING
from danqing_server.cli.commands import main

pytestmark = pytest.mark.processes

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
BROKEN = """
from danqing_plugins import *


class Careless(Provider):
    name = "careless"

    @property
    def info(self):
        model = ModelInfo(id="one", title="One", parameters={"type": "object", "properties": {}})
        return ProviderInfo(name="careless", title="Careless", models=(model,), default_model="one")

    def prepare(self, request):
        return Prepared(model=self.find_model(request).id, input=dict(request.input))

    async def generate(self, job, run):
        await run.deliver(0, Source.from_bytes(b"picture"))
"""


def install(folder: Path, name: str, target: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay a module and its entry point into *folder* as pip would, and put it on the path."""
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (folder / f"{target.partition(':')[0]}.py").write_text(code)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[danqing]\n{name} = {target}\n")
    monkeypatch.syspath_prepend(str(folder))


class TestCheck:
    """One line for each check, and where to read on."""

    def test_ours_passes_against_its_simulator(self, capsys: pytest.CaptureFixture[str]) -> None:
        """No key is used though one is set, and nothing is paid for."""
        assert main(["plugin", "check", "volcengine"]) == 0
        told = capsys.readouterr().out
        assert told.splitlines()[0].startswith("volcengine: volcengine/doubao-seedream")
        assert told.endswith("checks passed\n")
        assert "polling          ok" in told

    def test_failure_names_the_rule_and_the_page(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A picture that was delivered without a paid call."""
        install(tmp_path, "careless", "careless_plugin:Careless", BROKEN, monkeypatch)
        assert main(["plugin", "check", "careless"]) == 1
        told = capsys.readouterr().out
        assert "generate         FAILED\n    pictures [0] came without a paid run.call" in told
        assert f"read on: docs/plugins.md, {GENERATE}" in told

    def test_key_that_no_setting_declares_is_not_given(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A class without settings reads the environment itself, and would buy what the checks ask for."""
        monkeypatch.setenv("KEYLESS_TOKEN", "a-real-one")
        monkeypatch.setenv("KEYLESS_REGION", "eu")
        code = (
            "    def configure(self, context):\n"
            "        found = [name for name in context.environment if name.startswith('KEYLESS')]\n"
            "        raise ConfigurationError(f'given {found}')\n"
        )
        install(tmp_path, "keyless", "keyless_plugin:Careless", BROKEN + code, monkeypatch)
        assert main(["plugin", "check", "keyless"]) == 1
        assert "given ['KEYLESS_REGION']" in capsys.readouterr().out

    def test_plugin_that_cannot_be_loaded(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is a finding, not a traceback."""
        install(tmp_path, "halved", "halved_plugin:Halved", "import nothing_of_that_name\n", monkeypatch)
        assert main(["plugin", "check", "halved"]) == 1
        assert "nothing_of_that_name" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("name", "code", "told", "heading"),
        [
            (
                "unset",
                "    def configure(self, context):\n        raise KeyError('region')\n",
                "KeyError: 'region'",
                SETTINGS,
            ),
            (
                "unstarted",
                "    async def start(self):\n        raise OSError('no disk')\n",
                "OSError: no disk",
                STARTING,
            ),
        ],
    )
    def test_plugin_that_cannot_be_configured_or_started(
        self,
        name: str,
        code: str,
        told: str,
        heading: str,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A finding with where to read on, and the others are checked all the same."""
        install(tmp_path, name, f"{name}_plugin:Careless", BROKEN + code, monkeypatch)
        assert main(["plugin", "check", name]) == 1
        shown = capsys.readouterr().out
        assert f"loading          FAILED\n    {told}\n    read on: docs/plugins.md, {heading}\n" in shown

    def test_simulator_that_does_not_start_is_a_finding(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who checks all that are installed is told of the others, too."""
        code = "    sandbox = Sandbox(provider='alone', module='no_module_of_that_name')\n"
        install(tmp_path, "alone", "alone_plugin:Careless", BROKEN + code, monkeypatch)
        assert main(["plugin", "check", "alone"]) == 1
        told = capsys.readouterr().out
        assert "loading          FAILED\n    the simulator did not start: " in told
        assert f"No module named no_module_of_that_name\n    read on: docs/plugins.md, {SIMULATING}\n" in told

    def test_unknown_name_is_refused_with_those_installed(self, capsys: pytest.CaptureFixture[str]) -> None:
        """One line and code 2."""
        assert main(["plugin", "check", "nobody"]) == 2
        assert "installed: " in capsys.readouterr().err

    def test_unknown_model_is_refused_with_the_known(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Before anything is ordered."""
        assert main(["plugin", "check", "volcengine", "--model", "nothing"]) == 2
        assert "doubao-seedream" in capsys.readouterr().err

    @pytest.mark.parametrize("heading", [INFO, PREPARE, GENERATE, ORDERS, LOADING, SETTINGS, SIMULATING, STARTING])
    def test_where_to_read_on_is_there(self, heading: str) -> None:
        """Every heading that is named stands on the page."""
        assert f"### {heading}\n" in PAGE
