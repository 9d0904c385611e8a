"""MongoDB as three members, with authentication and TLS: real ones, each in the test's hands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import attrs
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from danqing_server.supervision.embedded.servers import EmbeddedServer, free_port, mongod
from tests.support.places import HERE, Place, over
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

    def step_down(self) -> None:
        """Have the primary give its place to another, in order. Raises PyMongoError where it cannot now."""
        self.client.admin.command("replSetStepDown", 10, secondaryCatchUpPeriodSecs=5)

    @contextmanager
    def without_majority(self) -> Iterator[None]:
        """Let the secondaries take nothing in while the block lasts: the primary answers, and can promise nothing.

        They say that they live, so it stays the primary.
        """
        with self.left_behind(2):
            yield

    @contextmanager
    def left_behind(self, count: int) -> Iterator[None]:
        """Let so many of the secondaries take nothing in while the block lasts; they answer who reads."""
        primary = self.primary()
        with ExitStack() as stack:
            for member in [member for member in self.members if member is not primary][:count]:
                client = stack.enter_context(MongoClient[dict[str, Any]](self._url_of(member)))
                client.admin.command("fsync", lock=True)
                stack.callback(client.admin.command, "fsyncUnlock")
            yield

    def _url_of(self, member: RunningServer) -> str:
        """Return how *member* alone is reached."""
        hosts = ",".join(host_of(each) for each in self.members)
        return self.url.replace(hosts, host_of(member)).replace("replicaSet=rs", "directConnection=true")


def host_of(server: RunningServer) -> str:
    return server.url.removeprefix("mongodb://")


def port_of(server: RunningServer) -> int:
    return int(server.url.rpartition(":")[2])


@contextmanager
def run_replica_set(
    folder: Path,
    certificates: Certificates | None = None,
    *,
    secure: bool = True,
    places: Sequence[Place] = (HERE,),
    election_ms: int = ELECTION_MS,
) -> Iterator[MongoSet]:
    """Run three members that elect another primary after *election_ms*; *secure*: they ask who one is.

    They run over *places* in turn; on another than loopback MongoDB lets nobody make the first user: not *secure*.

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
        placed = zip(described, over(places), strict=False)
        members = [stack.enter_context(running(_member(each, more, tls, place))) for each, place in placed]
        hosts = ",".join(host_of(member) for member in members)
        _initiate(members, tls, election_ms, secure=secure)
        who = f"danqing:{quote(PASSWORD, safe='')}@" if secure else ""
        url = f"mongodb://{who}{hosts}/?replicaSet=rs{said}{'&authSource=admin' if secure else ''}"
        patience: dict[str, Any] = {
            "serverSelectionTimeoutMS": 500,
            "connectTimeoutMS": 2000,
            "socketTimeoutMS": 2000,
        }
        client: MongoClient[dict[str, Any]] = stack.enter_context(MongoClient(url, **patience))
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


def _member(server: EmbeddedServer, more: Sequence[str], tls: Mapping[str, Any], place: Place) -> RunningServer:
    server.data_dir.mkdir()
    assert isinstance(server.address, int)
    address, port = place.address, server.address
    command = attrs.evolve(server.command, argv=(*server.command.argv, *more))
    return RunningServer(
        command=place.move(command),
        answers=lambda: _answers(address, port, tls),
        url=f"mongodb://{address}:{port}",
        data_dir=server.data_dir,
    )


def _answers(address: str, port: int, tls: Mapping[str, Any]) -> bool:
    try:
        with _direct(address, port, tls) as client:
            client.admin.command("ping")
    except PyMongoError:
        return False
    return True


def _direct(address: str, port: int, tls: Mapping[str, Any]) -> MongoClient[dict[str, Any]]:
    return MongoClient(address, port, directConnection=True, serverSelectionTimeoutMS=1000, **tls)


def _initiate(members: Sequence[RunningServer], tls: Mapping[str, Any], election_ms: int, *, secure: bool) -> None:
    """Make one set of them, and its user: by the exception that MongoDB makes for a caller on its own machine."""
    hosts = [{"_id": number, "host": host_of(each)} for number, each in enumerate(members)]
    hosts[0]["priority"] = 2  # the first primary, which takes the first user
    settings = {"electionTimeoutMillis": election_ms, "heartbeatIntervalMillis": 500}
    with _direct(str(urlsplit(members[0].url).hostname), port_of(members[0]), tls) as client:
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
