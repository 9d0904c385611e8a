"""How mongod and redis-server are started, and how to see that they are ready.

Both listen on loopback and ask for no password: every account of this machine can reach them. Where others share
the machine, set `MONGO_URL` and `REDIS_URL` to servers that ask for one.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

import attrs

from danqing_server.supervision.embedded.binaries import MONGOD, REDIS_SERVER, Program, find_program
from danqing_server.supervision.processes import Command

__all__ = ["EmbeddedServer", "free_port", "mongod", "redis_server"]

# Below the range that outgoing connections take their ports from (Linux from 32768, macOS from 49152): while a
# server is down, a client that keeps calling its port could otherwise be given that very port and talk to itself.
_PORTS = range(20000, 32000)
_PING_TIMEOUT_S = 1.0
# The rest of the environment, with its keys and secrets, is none of these servers' business.
_PASSED_VARIABLES = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ", "GLIBC_TUNABLES")


@attrs.frozen(kw_only=True)
class EmbeddedServer:
    """One real server on a loopback port, with its files under `data_dir`."""

    program: Program
    port: int
    data_dir: Path
    command: Command
    url: str

    def answers(self) -> bool:
        """Ask whether it takes commands; blocks for a second at most."""
        ping = _mongod_answers if self.program is MONGOD else _redis_answers
        try:
            return ping(self.port)
        except OSError:
            return False


def free_port(wanted: int | None = None) -> int:
    """Return a loopback port that nobody listens on: *wanted* if it can be had, any for None."""
    first: list[int] = [] if wanted is None else [wanted]
    for port in [*first, *random.sample(_PORTS, len(_PORTS))]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port from {_PORTS.start} to {_PORTS.stop}")


def mongod(
    data_dir: Path, *, port: int | None = None, environment: Mapping[str, str] = os.environ
) -> EmbeddedServer:
    """Describe a journaled, standalone mongod. Raises StartRefused when there is no program."""
    port = free_port() if port is None else port
    arguments = [
        *("--dbpath", str(data_dir), "--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
        *("--wiredTigerCacheSizeGB", "0.5", "--noscripting", "--quiet"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        *("--slowms", "1000000000"),  # slow operations are logged with their documents, and those hold prompts
    ]
    return _server(MONGOD, arguments, data_dir, port, f"mongodb://127.0.0.1:{port}", environment)


def redis_server(
    data_dir: Path, *, port: int | None = None, environment: Mapping[str, str] = os.environ
) -> EmbeddedServer:
    """Describe an append-only redis-server. Raises StartRefused when there is no program."""
    port = free_port() if port is None else port
    arguments = [
        *("--bind", "127.0.0.1", "--port", str(port), "--protected-mode", "yes", "--dir", str(data_dir)),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
    ]
    return _server(REDIS_SERVER, arguments, data_dir, port, f"redis://127.0.0.1:{port}/0", environment)


def _server(
    program: Program, arguments: list[str], data_dir: Path, port: int, url: str, environment: Mapping[str, str]
) -> EmbeddedServer:
    command = Command(
        name=program.name,
        argv=(str(find_program(program, environment)), *arguments),
        environment={name: environment[name] for name in _PASSED_VARIABLES if name in environment},
        log_path=data_dir.with_suffix(".log"),
        death_signal=signal.SIGTERM,
    )
    return EmbeddedServer(program=program, port=port, data_dir=data_dir, command=command, url=url)


def _ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=_PING_TIMEOUT_S) as connection:
        connection.sendall(request)
        return connection.recv(4096)


def _redis_answers(port: int) -> bool:
    # While it reads its append-only file the answer is `-LOADING …`.
    return _ask(port, b"PING\r\n").startswith(b"+PONG")


def _mongod_answers(port: int) -> bool:
    """Send `{ping: 1}` as OP_MSG. Source: MongoDB manual, "MongoDB Wire Protocol", read 2026-11-24."""
    elements = b"\x10ping\x00" + struct.pack("<i", 1) + b"\x02$db\x00" + struct.pack("<i", 6) + b"admin\x00"
    document = struct.pack("<i", len(elements) + 5) + elements + b"\x00"
    body = struct.pack("<I", 0) + b"\x00" + document
    answer = _ask(port, struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body)
    return b"\x01ok\x00" + struct.pack("<d", 1.0) in answer
