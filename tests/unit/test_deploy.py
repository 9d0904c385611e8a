"""The files of deploy/ name settings, ports and paths that exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from danqing_server.http.hosts import is_loopback

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file())
SETTINGS = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", (ROOT / "docs" / "settings.md").read_text()))
OF_OTHERS = re.compile(r"AWS_|PYTHONUNBUFFERED")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_setting_named_exists(path: Path) -> None:
    """A misspelt one would be refused at the start, by then on somebody's server."""
    named = set(
        re.findall(r"\b((?:DANQING|MONGO|REDIS|VOLCENGINE|PUBLIC)_[A-Z_]+|ENVIRONMENT)\b", path.read_text())
    )
    assert {name for name in named if not OF_OTHERS.match(name)} <= SETTINGS


def test_what_is_scaled_says_not_how_many() -> None:
    """Each `kubectl apply` would end the workers that KEDA had added, and what they carry out."""
    folder = ROOT / "deploy" / "kubernetes"
    documents = [each for path in folder.glob("*.yaml") for each in yaml.safe_load_all(path.read_text()) if each]
    scaled = {each["spec"]["scaleTargetRef"]["name"] for each in documents if each["kind"] == "ScaledObject"}
    found = [each for each in documents if each["kind"] == "Deployment" and each["metadata"]["name"] in scaled]

    assert len(found) == len(scaled) == 1
    assert all("replicas" not in each["spec"] for each in found)


def test_probes_ask_what_is_there() -> None:
    """Liveness must not follow MongoDB: a restart would not bring it back."""
    text = (ROOT / "deploy" / "kubernetes" / "danqing.yaml").read_text()
    assert set(re.findall(r"path: (/health\S*), port", text)) <= {"/health", "/health/ready", "/health/live"}
    assert all("/health/live" in each for each in re.findall(r"livenessProbe:\n\s+httpGet: (.*)", text))


def test_probes_name_a_host_that_is_answered() -> None:
    """By itself the kubelet names the pod's address, which is among nobody's DANQING_ALLOWED_HOSTS."""
    documents = yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "danqing.yaml").read_text())
    pods = [each["spec"]["template"]["spec"] for each in documents if each["kind"] == "Deployment"]
    probes = [
        probe["httpGet"]
        for pod in pods
        for container in pod["containers"]
        for name, probe in container.items()
        if name.endswith("Probe")
    ]

    assert len(probes) == 6
    for probe in probes:
        named = {each["name"]: each["value"] for each in probe["httpHeaders"]}
        assert is_loopback(named["Host"])


def _healthcheck() -> list[str]:
    """Return the command by which Docker asks whether a container works."""
    [said] = re.findall(
        r"^HEALTHCHECK (?:.*\\\n)?\s+CMD (\[.*\])$", (ROOT / "deploy" / "Dockerfile").read_text(), re.M
    )
    command: list[str] = json.loads(said)
    return command


class TestContainers:
    @pytest.mark.parametrize(("answer", "ends"), [(200, 0), (503, 1)])
    def test_health_is_asked_of_the_server_itself(self, answer: int, ends: int) -> None:
        """On the port that it has, and past a proxy that Docker hands on to all containers."""
        asked: list[str] = []

        class Health(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(answer)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with HTTPServer(("127.0.0.1", 0), Health) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            variables = {
                "PORT": str(server.server_port),
                "HTTP_PROXY": "http://127.0.0.1:1",
                "http_proxy": "http://127.0.0.1:1",
            }
            program, *arguments = _healthcheck()
            assert program == "python"
            done = subprocess.run([sys.executable, *arguments], env=variables, capture_output=True, check=False)
            server.shutdown()
            thread.join()
        assert done.returncode == ends, done.stderr
        assert asked == ["/health/ready"]

    def test_what_containers_write_is_bounded(self) -> None:
        """Docker's own way of keeping it is without an end: after a year the disk is full of it."""
        services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
        kept = {name: each.get("logging", {}).get("options", {}) for name, each in services.items()}
        assert len(kept) == 3
        assert all(options.keys() == {"max-size", "max-file"} for options in kept.values()), kept


class TestUnits:
    def test_one_process_without_memory_does_not_stop_the_others(self) -> None:
        """Of itself systemd stops a unit when the kernel ends one of its processes (systemd.service(5))."""
        unit = (ROOT / "deploy" / "danqing.service").read_text()
        assert re.findall(r"^OOMPolicy=(.*)$", unit, re.MULTILINE) == ["continue"]

    @pytest.mark.parametrize("name", ["danqing.service", "danqing-backup.service"])
    def test_settings_are_read_by_danqing_itself(self, name: str) -> None:
        """What systemd hands over at the start wins over any file: SIGHUP would change nothing of it."""
        unit = (ROOT / "deploy" / name).read_text()

        assert not re.findall(r"^EnvironmentFile=", unit, re.MULTILINE)
        assert "--env-file /etc/danqing.env" in unit.split("ExecStart=")[1]


def _of_systemd() -> str:
    """Return what the unit has a shell do."""
    text = (ROOT / "deploy" / "danqing-backup.service").read_text().replace("\\\n", " ").replace("$$", "$")
    [started] = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    shell, option, script = shlex.split(started)
    assert (shell, option) == ("/bin/sh", "-c")
    return script.replace("/srv/danqing/.venv/bin/danqing", "danqing")


def _job() -> dict[str, object]:
    documents = yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "backup.yaml").read_text())
    [job] = [each["spec"]["jobTemplate"]["spec"] for each in documents if each["kind"] == "CronJob"]
    return dict(job)


def _of_kubernetes() -> str:
    """Return what the job has a shell do."""
    [container] = _job()["template"]["spec"]["containers"]  # type: ignore[index]  # as YAML has it
    assert container["command"] == ["sh", "-c"]
    [script] = container["args"]
    return str(script)


class TestBackups:
    @pytest.mark.parametrize("script", [_of_systemd(), _of_kubernetes()], ids=["systemd", "kubernetes"])
    @pytest.mark.parametrize(
        ("taken", "proved", "ends"),
        [(0, 0, 0), (0, 1, 1), (1, 1, 1), (1, 0, 1), (2, None, 2), (7, None, 7)],
    )
    def test_what_was_taken_is_proved(
        self, tmp_path: Path, script: str, taken: int, proved: int | None, ends: int
    ) -> None:
        """Also what lacks a picture that the storage lost, and no code of either is hidden by the other."""
        (tmp_path / "danqing").write_text(
            f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n[ "$2" = verify ] && exit {proved or 0}\nexit {taken}\n'
        )
        (tmp_path / "danqing").chmod(0o755)

        done = subprocess.run(["sh", "-c", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False)

        calls = (tmp_path / "calls").read_text()
        assert ("verify" in calls) is (proved is not None)
        assert done.returncode == ends

    def test_a_job_is_not_tried_again_where_that_changes_nothing(self) -> None:
        """Three backups a night of which each lacks the same picture would leave five nights of fourteen."""
        [rule] = _job()["podFailurePolicy"]["rules"]  # type: ignore[index]  # as YAML has it

        assert rule["action"] == "FailJob"
        assert rule["onExitCodes"]["values"] == [1, 2]
