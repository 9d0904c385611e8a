"""The one listening socket that all serving processes share, and what answers behind it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import time

import attrs

from danqing_server.supervision.processes import NotNow, StartRefused

__all__ = ["Health", "Reply", "ask", "ask_health", "base_url", "bind", "listen"]

_BACKLOG = 4096
_ANSWER_TIMEOUT_S = 2.0
_POLL_S = 0.05
_PASSES = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, socket.EAI_AGAIN)
"""What may pass: another program has the port; an interface, or the name service, is not up yet."""

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


@attrs.frozen(kw_only=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes


@attrs.frozen(kw_only=True)
class Health:
    """What `/health` said: its HTTP status, the process that answered (None when it does not say), what fails."""

    status: int
    pid: int | None
    failing: tuple[str, ...] = ()


async def bind(host: str, port: int, *, patience_s: float = 1.0) -> socket.socket:
    """Return a socket bound to *host* and *port* (0: a free one). It does not listen yet.

    A port in use is tried for *patience_s* seconds: the processes of a supervisor that was killed just now are
    still on their way out.

    Raises:
        NotNow: the port is taken, or the host is no address of this machine as yet.
        StartRefused: the port is not allowed, or the host means nothing.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _bind(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise _refusal(error, host, port) from error
        await asyncio.sleep(_POLL_S)


def _bind(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def listen(listener: socket.socket) -> None:
    """Take connections from now on. Raises NotNow when someone else took the port since `bind`."""
    host, port = listener.getsockname()[:2]
    try:
        listener.listen(_BACKLOG)
    except OSError as error:
        raise _refusal(error, host, port) from error


def _refusal(error: OSError, host: str, port: int) -> StartRefused:
    refused = NotNow if error.errno in _PASSES else StartRefused
    return refused(_why(error, host, port))


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use by another program; stop it, or choose another port with PORT"
    if error.errno == errno.EACCES:
        return (
            f"port {port} needs privileges that this user does not have; choose one above 1023, such as PORT=8080"
        )
    reason = error.strerror or os.strerror(error.errno or 0)
    return f"DANQING_HOST: {host!r} cannot be listened on ({reason}); 127.0.0.1 is this machine alone"


def base_url(listener: socket.socket) -> str:
    """Return the URL under which this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    host = _EVERY_ADDRESS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def ask(host: str, port: int, path: str) -> Reply | None:
    """Send one GET on a connection of its own; None when nothing that makes sense comes back within 2 s."""
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            return _read_reply(await _get(host, port, path))
    except OSError:  # TimeoutError is one
        return None


async def _get(host: str, port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        # HTTP/1.0: the answer comes in one piece and ends with the connection.
        writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return await reader.read(-1)
    finally:
        writer.close()


def _read_reply(raw: bytes) -> Reply | None:
    head, _, body = raw.partition(b"\r\n\r\n")
    parts = head.split(b" ", 2)
    if len(parts) < 2 or not parts[1].isdigit():
        return None
    return Reply(status=int(parts[1]), body=body)


async def ask_health(listener: socket.socket) -> Health | None:
    """Ask `GET /health` of whichever process takes the connection; None when none answers in time."""
    host, port = listener.getsockname()[:2]
    answer = await ask(_EVERY_ADDRESS.get(host, host), port, "/health")
    if answer is None:
        return None
    try:
        said = json.loads(answer.body)
        pid, checks = said.get("pid"), said.get("checks", {})
        failing = tuple(name for name, state in checks.items() if state != "ok")
    except (ValueError, AttributeError):
        pid, failing = None, ()
    return Health(status=answer.status, pid=pid if isinstance(pid, int) else None, failing=failing)
