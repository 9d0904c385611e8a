"""`danqing serve` as a user starts it: the installed command, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.memory import forget_journal
from tests.support.serve import Serve

__all__ = ["ROOT", "command_environment", "run_command", "serving", "starting"]

ROOT = Path(__file__).parents[2]


def command_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return *variables* with what any process needs; no setting of the person who runs the tests gets in."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, **variables}


def run_command(
    arguments: Sequence[str | Path], cwd: Path, variables: Mapping[str, str], *, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return it, whatever its exit code."""
    return subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env=command_environment(variables),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@contextmanager
def serving(
    cwd: Path, variables: Mapping[str, str], *, python: Path = Path(sys.executable), port: int = 0
) -> Iterator[Serve]:
    """Run `danqing serve` with *python*, in *cwd*, until the block ends; the block begins when it is ready."""
    with starting(cwd, variables, python=python, port=port) as serve:
        serve.until_ready()
        yield serve


@contextmanager
def starting(
    cwd: Path, variables: Mapping[str, str], *, python: Path = Path(sys.executable), port: int = 0
) -> Iterator[Serve]:
    """Run `danqing serve` as `serving` does; the block begins at once."""
    output, errors = cwd / "output.txt", cwd / "errors.txt"
    with output.open("wb") as output_stream, errors.open("wb") as errors_stream:
        process = subprocess.Popen(
            [str(python), "-m", "danqing_server", "serve", "--port", str(port)],
            cwd=cwd,
            env=command_environment({"ENVIRONMENT": "production", "DANQING_STOP_GRACE": "5", **variables}),
            stdout=output_stream,
            stderr=errors_stream,
        )
    serve = Serve(process=process, output_path=output, errors_path=errors)
    try:
        yield serve
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        finally:
            process.kill()
            process.wait()
        if process.returncode == 0:  # mongod ended in order, and has no need of the 300 MB of each server of a run
            for data in cwd.glob("*/mongodb"):
                forget_journal(data.parent)
