"""`danqing` itself, as a process of its own, beside one server that all tests of this folder share."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.support.examples import command_environment, starting

KEY, OTHER = "a-key-of-the-shop", "a-key-of-another"
PATIENT_S = 180.0
"""A machine on which much else runs takes long to start MongoDB."""


@attrs.frozen
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What `--json` printed."""
        assert self.out.count("\n") == 1
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """What is printed where no terminal is: cells with tabs between."""
        return [line.split("\t") for line in self.out.splitlines()]


@attrs.frozen(kw_only=True)
class Danqing:
    """The command, in a folder and with an environment of its own."""

    folder: Path
    variables: Mapping[str, str]

    def start(self, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """Begin a command."""
        return subprocess.Popen(
            self.argv(words), cwd=self.folder, env=command_environment(self.variables), **options
        )

    @staticmethod
    def argv(words: Sequence[str]) -> list[str]:
        """Return the whole command."""
        return [sys.executable, "-m", "danqing_server", *words]

    def with_variables(self, **variables: str) -> Danqing:
        """Return one with other variables."""
        return attrs.evolve(self, variables={**self.variables, **variables})

    def run(self, *words: str, said: str | None = None) -> Done:
        """Carry out a command to its end; *said* is what it reads."""
        done = subprocess.run(
            self.argv(words),
            cwd=self.folder,
            env=command_environment(self.variables),
            input=said,
            stdin=None if said is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def on_terminal(self, *words: str) -> tuple[int, str]:
        """Carry out a command on a terminal; return its exit code and all that appeared there."""
        ours, theirs = pty.openpty()
        process = self.start(*words, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux: the other end is closed
                break
            if not part:
                break
            seen += part
        os.close(ours)
        return process.wait(60), seen.decode(errors="replace")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server with `KEY`, of an operator, and `OTHER`, of somebody else's project."""
    folder = tmp_path_factory.mktemp("server")
    variables = {"DANQING_API_KEYS": f"shop:{KEY},other:{OTHER}", "DANQING_OPERATORS": "shop"}
    with starting(folder, variables) as serve:
        serve.until_ready(PATIENT_S)
        yield serve.base_url


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C reaches commands, also where the tests run in a script's background, whose children ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def alone(tmp_path: Path) -> Danqing:
    """The command where nobody has told it anything."""
    folders = {"XDG_CONFIG_HOME": str(tmp_path / "settings"), "DANQING_DATA_DIR": str(tmp_path / "data")}
    return Danqing(folder=tmp_path, variables={**folders, "LANG": "C.UTF-8", "TERM": "xterm", "COLUMNS": "160"})


@pytest.fixture
def danqing(alone: Danqing, server: str) -> Danqing:
    """The command of somebody of the shop."""
    return alone.with_variables(DANQING_URL=server, DANQING_KEY=KEY)


@pytest.fixture
def made(danqing: Danqing) -> Callable[..., dict[str, Any]]:
    """Make a picture and return its task."""

    def make(prompt: str, *words: str) -> dict[str, Any]:
        task: dict[str, Any] = danqing.run("generate", prompt, "-s", "1280x720", "--json", *words).json
        return task

    return make
