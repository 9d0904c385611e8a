"""Files of the embedded Redis that a power failure or a bad sector damaged: nothing in them is needed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.serve import run_serve

pytestmark = pytest.mark.processes

CUT_OFF = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
HERE = {"MONGO_URL": "mongodb://127.0.0.1:1"}


def test_the_refusal_says_what_to_do(tmp_path: Path) -> None:
    """Redis itself names a program that is not installed; without the folder that we name the server starts."""
    files = tmp_path / "data" / "redis"
    files.mkdir(parents=True)
    (files / "appendonly.aof").write_bytes(CUT_OFF + bytes(200) + CUT_OFF)
    with run_serve(tmp_path, HERE) as serve:
        assert serve.until_ended() == 2
        [line] = [line for line in serve.errors.splitlines() if not line.startswith("{")]
    assert f"remove {str(files)!r}" in line
    assert "MongoDB has all of it" in line
    assert str(files.with_suffix(".log")) in line

    shutil.rmtree(files)

    with run_serve(tmp_path, HERE) as serve:
        serve.until_ready()
