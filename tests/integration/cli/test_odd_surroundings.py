"""The command where a locale, an account or a calendar is not what it usually is."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.integration.cli.conftest import KEY, PATIENT_S, Danqing
from tests.support.examples import starting

pytestmark = pytest.mark.processes

Made = Callable[..., dict[str, Any]]
GRIN = "a grin \N{GRINNING FACE}"
NOBODYS = ["unshare", "--user", "--map-user=54321", "--map-group=54321"]
WITHOUT_HOME = ["env", "-u", "HOME", "-u", "XDG_CONFIG_HOME"]


class TestLocales:
    @pytest.mark.parametrize("encoding", ["gbk", "latin-1", "ascii"])
    def test_what_an_encoding_lacks_is_escaped(self, danqing: Danqing, made: Made, encoding: str) -> None:
        """No list ends at somebody's prompt, and JSON stays what it is."""
        task = made(GRIN, "--user", "grinning")
        elsewhere = danqing.with_variables(PYTHONIOENCODING=encoding)

        told = elsewhere.run("tasks", "--user", "grinning")
        listed = elsewhere.run("tasks", "--user", "grinning", "--json").json

        assert (told.code, told.rows[0][8]) == (0, r"a grin \ud83d\ude00")
        assert (listed[0]["id"], listed[0]["prompt"]) == (task["id"], GRIN)

    def test_a_server_starts_in_any(self, tmp_path: Path) -> None:
        """What it prints at the start has a Chinese prompt in it."""
        with starting(
            tmp_path, {"PYTHONIOENCODING": "latin-1", "DANQING_DATA_DIR": str(tmp_path / "data")}
        ) as serve:
            serve.until_ready(PATIENT_S)
            assert serve.health() is not None


class TestAccounts:
    @pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is missing")
    def test_one_without_a_home_keeps_nothing(self, alone: Danqing, server: str) -> None:
        """As any number in a container: it asks with what it is told, and login says what it lacks."""

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            argv = [*NOBODYS, *WITHOUT_HOME, *alone.argv(words)]
            return subprocess.run(argv, cwd=alone.folder, capture_output=True, text=True, input=KEY, check=False)

        asked, kept = run("tasks", "--url", server), run("login", server)

        assert (asked.returncode, "danqing login" in asked.stderr) == (4, True)
        assert kept.stderr == "danqing: this account has no home: set HOME, or XDG_CONFIG_HOME\n"
        assert kept.returncode == 2


class TestCalendar:
    @pytest.mark.parametrize("command", ["tasks", "usage", "logs"])
    def test_a_time_before_it_is_refused(self, danqing: Danqing, command: str) -> None:
        """In a line, as any other that is none."""
        told = danqing.run(command, "--since", "999999w")
        assert (told.code, told.err.count("\n")) == (2, 1)
        assert "999999w" in told.err

    def test_its_first_day_is_one(self, danqing: Danqing, made: Made) -> None:
        """What was made since is all."""
        task = made("of all times", "--user", "old")
        told = danqing.run("logs", "--since", "0001-01-01", "--user", "old")
        assert (told.code, told.err) == (0, "")
        assert task["id"] in told.out


class TestProxies:
    """As a shell has them in which somebody pasted what his proxy gave him to paste."""

    EVERYWHERE: ClassVar = {
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "all_proxy": "socks5://127.0.0.1:9",
    }

    def test_this_machine_is_reached_past_them(self, danqing: Danqing) -> None:
        """One elsewhere would look for the server at home; and httpx knows no SOCKS by itself."""
        told = danqing.with_variables(**self.EVERYWHERE).run("tasks", "--limit", "1")
        assert (told.code, told.err) == (0, "")

    def test_one_that_cannot_be_used_is_told(self, alone: Danqing) -> None:
        """For a server elsewhere, with what there is to do."""
        told = alone.with_variables(**self.EVERYWHERE).run("tasks", "--url", "http://192.0.2.1:8080")
        assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
        assert "httpx[socks]" in told.err


class TestKeys:
    def test_a_line_end_of_windows_is_none_of_it(self, danqing: Danqing) -> None:
        """`DANQING_KEY=$(cat key.txt)` keeps it."""
        assert danqing.with_variables(DANQING_KEY=f"{KEY}\r").run("tasks", "--limit", "1").code == 0

    def test_one_that_can_be_nobodys_is_refused(self, danqing: Danqing) -> None:
        """As any other that is wrong."""
        told = danqing.with_variables(DANQING_KEY="密钥").run("tasks")
        assert (told.code, told.out) == (4, "")

    @pytest.mark.parametrize("key", ["", "猫-1"])
    def test_an_idempotency_key_that_is_none_buys_nothing(self, danqing: Danqing, key: str) -> None:
        """A script's variable that is not set would have bought the same with each run."""
        told = danqing.run("generate", "never under such a key", "--idempotency-key", key)
        assert (told.code, told.out) == (2, "")
        assert "Idempotency-Key" in told.err
        assert danqing.run("tasks", "--search", "never under such a key").out == ""
