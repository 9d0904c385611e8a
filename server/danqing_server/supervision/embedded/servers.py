"""How mongod and redis-server are started, and how to see that they are ready.

They ask for no password. `danqing serve` has them listen on sockets in a folder that no other account can enter
(see `sockets`), and on no port. Only tests put them on a loopback port, which every account of the machine reaches:
a proxy can stand in front of that.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import attrs

from danqing_server.supervision.embedded.binaries import MONGOD, REDIS_SERVER, Program, find_program
from danqing_server.supervision.processes import Command

__all__ = ["Address", "EmbeddedServer", "free_port", "mongod", "redis_server", "redis_socket_url", "socket_url"]

Address = Path | int
"""Where a server listens: a Unix socket's absolute path, or a port on loopback."""

# Below the range that outgoing connections take their ports from (Linux from 32768, macOS from 49152): while a
# server is down, a client that keeps calling its port could otherwise be given that very port and talk to itself.
_PORTS = range(20000, 32000)
_PING_TIMEOUT_S = 1.0
# The rest of the environment, with its keys and secrets, is none of these servers' business.
_PASSED_VARIABLES = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ", "GLIBC_TUNABLES")


@attrs.frozen(kw_only=True)
class EmbeddedServer:
    """One real server that listens at `address`, with its files under `data_dir`."""

    program: Program
    address: Address
    data_dir: Path
    command: Command
    url: str

    def answers(self) -> bool:
        """Ask whether it takes commands; blocks for a second at most."""
        ping = _mongod_answers if self.program is MONGOD else _redis_answers
        try:
            return ping(self.address)
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


def mongod(data_dir: Path, address: Address, environment: Mapping[str, str] = os.environ) -> EmbeddedServer:
    """Describe a journaled, standalone mongod. Raises StartRefused when there is no program."""
    listening: tuple[str, ...]
    if isinstance(address, Path):
        # Sources: MongoDB manual, net.bindIp ("specify the full path"), and a trial of 6.0.5, read 2026-11-28:
        # without --nounixsocket it makes one more, under /tmp.
        listening, url = ("--bind_ip", str(address)), socket_url(address)
    else:
        listening, url = ("--bind_ip", "127.0.0.1", "--port", str(address)), f"mongodb://127.0.0.1:{address}"
    arguments = [
        *("--dbpath", str(data_dir), *listening, "--nounixsocket", "--filePermissions", "0600"),
        *("--wiredTigerCacheSizeGB", "0.5", "--noscripting", "--quiet"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        *("--slowms", "1000000000"),  # slow operations are logged with their documents, and those hold prompts
    ]
    return _server(MONGOD, arguments, data_dir, address, url, environment)


def socket_url(address: Path) -> str:
    """Return the URL of a mongod that listens at a Unix socket."""
    return f"mongodb://{quote(str(address), safe='')}"


def redis_server(data_dir: Path, address: Address, environment: Mapping[str, str] = os.environ) -> EmbeddedServer:
    """Describe an append-only redis-server. Raises StartRefused when there is no program."""
    listening: tuple[str, ...]
    if isinstance(address, Path):
        listening = ("--port", "0", "--unixsocket", str(address), "--unixsocketperm", "600")
        url = redis_socket_url(address)
    else:
        listening = ("--bind", "127.0.0.1", "--port", str(address))
        url = f"redis://127.0.0.1:{address}/0"
    arguments = [
        *(*listening, "--protected-mode", "yes", "--dir", str(data_dir)),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
    ]
    return _server(REDIS_SERVER, arguments, data_dir, address, url, environment)


def redis_socket_url(address: Path) -> str:
    """Return the URL of a redis-server that listens at a Unix socket."""
    return f"unix://{quote(str(address))}?db=0"


def _server(
    program: Program,
    arguments: list[str],
    data_dir: Path,
    address: Address,
    url: str,
    environment: Mapping[str, str],
) -> EmbeddedServer:
    command = Command(
        name=program.name,
        argv=(str(find_program(program, environment)), *arguments),
        environment={name: environment[name] for name in _PASSED_VARIABLES if name in environment},
        log_path=data_dir.with_suffix(".log"),
        death_signal=signal.SIGTERM,
    )
    return EmbeddedServer(program=program, address=address, data_dir=data_dir, command=command, url=url)


def _ask(address: Address, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET) as connection:
        connection.settimeout(_PING_TIMEOUT_S)
        connection.connect(str(address) if isinstance(address, Path) else ("127.0.0.1", address))
        connection.sendall(request)
        return connection.recv(4096)


def _redis_answers(address: Address) -> bool:
    # While it reads its append-only file the answer is `-LOADING …`.
    return _ask(address, b"PING\r\n").startswith(b"+PONG")


def _mongod_answers(address: Address) -> bool:
    """Send `{ping: 1}` as OP_MSG. Source: MongoDB manual, "MongoDB Wire Protocol", read 2026-11-24."""
    elements = b"\x10ping\x00" + struct.pack("<i", 1) + b"\x02$db\x00" + struct.pack("<i", 6) + b"admin\x00"
    document = struct.pack("<i", len(elements) + 5) + elements + b"\x00"
    body = struct.pack("<I", 0) + b"\x00" + document
    answer = _ask(address, struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body)
    return b"\x01ok\x00" + struct.pack("<d", 1.0) in answer
