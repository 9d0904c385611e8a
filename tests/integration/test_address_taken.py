"""An address that cannot be had just now: the service manager tries again, and does not leave the server down."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.examples import run_command

pytestmark = pytest.mark.processes

UNIT = Path(__file__).parents[2] / "deploy" / "danqing.service"
NOBODYS = "192.0.2.1"
"""An address for documentation. Source: RFC 5737, read 2026-11-30."""


def serve(cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start a server that ends by itself."""
    return run_command([sys.executable, "-m", "danqing_server", "serve"], cwd, variables)


def prevented() -> list[str]:
    """Return the exit codes for which the unit gives up."""
    [codes] = re.findall(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.MULTILINE)
    return codes.split()


def test_a_port_that_another_process_still_has(tmp_path: Path) -> None:
    """The server that was killed just now may be slow to go, and another program may end."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = serve(tmp_path, PORT=str(taken.getsockname()[1]))

    assert "is in use by another program" in done.stderr
    assert done.returncode == 7
    assert "7" not in prevented()


def test_an_interface_that_is_not_up_yet(tmp_path: Path) -> None:
    """As after a boot, where a tunnel's address comes late."""
    done = serve(tmp_path, PORT="0", DANQING_HOST=NOBODYS, DANQING_API_KEYS="shop:0123456789abcdef")

    assert f"DANQING_HOST: '{NOBODYS}' cannot be listened on" in done.stderr
    assert done.returncode == 7


def test_a_name_that_means_nothing(tmp_path: Path) -> None:
    """No try would change that: the unit gives up."""
    done = serve(tmp_path, PORT="0", DANQING_HOST="no address", DANQING_API_KEYS="shop:0123456789abcdef")

    assert "DANQING_HOST" in done.stderr
    assert done.returncode == 2
    assert "2" in prevented()
