"""MongoDB as three members, with authentication and TLS: real ones, each in the test's hands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from danqing_server.supervision.embedded.servers import EmbeddedServer, free_port, mongod
from tests.support.redis_sets import Certificates
from tests.support.servers import RunningServer, running, wait_until

__all__ = ["MongoSet", "port_of", "run_replica_set"]

PASSWORD = "a password: / @ ?"
ELECTION_MS = 2000


@attrs.define(kw_only=True)
class MongoSet:
    """A replica set: `url` is how danqing finds it, without a database."""

    url: str
    members: list[RunningServer]
    client: MongoClient[dict[str, Any]]

    def primary(self) -> RunningServer | None:
        """Return the member that takes writes at this moment, None when there is none."""
        with suppress(PyMongoError):
            address = self.client.primary
            hello = self.client.admin.command("hello")
            if address is not None and hello.get("isWritablePrimary"):
                return next(member for member in self.members if port_of(member) == address[1])
        return None


def port_of(server: RunningServer) -> int:
    return int(server.url.rpartition(":")[2])


@contextmanager
def run_replica_set(
    folder: Path, certificates: Certificates | None = None, *, secure: bool = True
) -> Iterator[MongoSet]:
    """Run three members that elect another primary after two seconds; *secure*: they ask who one is.

    With *certificates* they talk TLS alone, to each other as well.
    """
    key = folder / "key"
    key.write_text("a key that the members share, and nobody else\n".replace(" ", "").replace(",", ""))
    key.chmod(0o600)
    more = ["--replSet", "rs", "--oplogSize", "64", *(["--keyFile", str(key)] if secure else [])]
    tls: Mapping[str, Any] = {}
    said = ""
    if certificates is not None:
        both = folder / "both.pem"
        both.write_text(certificates.certificate.read_text() + certificates.key.read_text())
        more += ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(both)]
        more += ["--tlsCAFile", str(certificates.authority), "--tlsAllowConnectionsWithoutCertificates"]
        tls = {"tls": True, "tlsCAFile": str(certificates.authority)}
        said = f"&tls=true&tlsCAFile={quote(str(certificates.authority), safe='')}"
    described = [mongod(folder / f"member{number}", free_port()) for number in range(3)]
    with ExitStack() as stack:
        members = [stack.enter_context(running(_member(each, more, tls))) for each in described]
        hosts = ",".join(f"127.0.0.1:{port_of(member)}" for member in members)
        _initiate(members, tls, secure=secure)
        who = f"danqing:{quote(PASSWORD, safe='')}@" if secure else ""
        url = f"mongodb://{who}{hosts}/?replicaSet=rs{said}{'&authSource=admin' if secure else ''}"
        client: MongoClient[dict[str, Any]] = stack.enter_context(MongoClient(url, serverSelectionTimeoutMS=500))
        made = MongoSet(url=url, members=members, client=client)
        wait_until(lambda: _all_follow(made), timeout_s=40, what="two members following the third")
        _make_equal(made)
        yield made


def _make_equal(made: MongoSet) -> None:
    """Let none of them take the place back that it had: who is there stays."""
    config = made.client.admin.command("replSetGetConfig")["config"]
    for member in config["members"]:
        member["priority"] = 1
    made.client.admin.command("replSetReconfig", {**config, "version": config["version"] + 1})


def _member(server: EmbeddedServer, more: Sequence[str], tls: Mapping[str, Any]) -> RunningServer:
    server.data_dir.mkdir()
    assert isinstance(server.address, int)
    port = server.address
    command = attrs.evolve(server.command, argv=(*server.command.argv, *more))
    return RunningServer(
        command=command,
        answers=lambda: _answers(port, tls),
        url=f"mongodb://127.0.0.1:{port}",
        data_dir=server.data_dir,
    )


def _answers(port: int, tls: Mapping[str, Any]) -> bool:
    try:
        with _direct(port, tls) as client:
            client.admin.command("ping")
    except PyMongoError:
        return False
    return True


def _direct(port: int, tls: Mapping[str, Any]) -> MongoClient[dict[str, Any]]:
    return MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=1000, **tls)


def _initiate(members: Sequence[RunningServer], tls: Mapping[str, Any], *, secure: bool) -> None:
    """Make one set of them, and its user: by the exception that MongoDB makes for a caller on its own machine."""
    hosts = [{"_id": number, "host": f"127.0.0.1:{port_of(each)}"} for number, each in enumerate(members)]
    hosts[0]["priority"] = 2  # the first primary, which takes the first user
    settings = {"electionTimeoutMillis": ELECTION_MS, "heartbeatIntervalMillis": 500}
    with _direct(port_of(members[0]), tls) as client:
        client.admin.command("replSetInitiate", {"_id": "rs", "members": hosts, "settings": settings})
        wait_until(lambda: bool(client.admin.command("hello").get("isWritablePrimary")), what="a first primary")
        if secure:
            roles = [{"role": "readWriteAnyDatabase", "db": "admin"}, {"role": "clusterAdmin", "db": "admin"}]
            with suppress(OperationFailure):
                client.admin.command("createUser", "danqing", pwd=PASSWORD, roles=roles)


def _all_follow(made: MongoSet) -> bool:
    with suppress(PyMongoError):
        status = made.client.admin.command("replSetGetStatus")
        states = sorted(member["stateStr"] for member in status["members"])
        return states == ["PRIMARY", "SECONDARY", "SECONDARY"]
    return False
