"""Servers of tests, where others take the same port at the same moment."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support import servers


def test_a_port_that_was_taken_first_is_left_to_who_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One mongod that met another's port failed a hundred tests, all that share it."""
    free_port = servers.free_port
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port()))
        other.listen()
        taken = [other.getsockname()[1]]
        monkeypatch.setattr(servers, "free_port", lambda: taken.pop() if taken else free_port())
        with servers.run_redis(tmp_path) as server:
            assert server.answers()
    assert not taken
