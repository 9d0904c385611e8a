"""The whole system on two machines: a supervisor on each, who share MongoDB, Redis and the folder of pictures.

Of three MongoDB members and three sentinels the first machine has two, the second has one; of Redis' servers each
has half. The simulated services and the clients are on neither. Cut in two, the first machine goes on alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

import attrs

from danqing_server.supervision.embedded.servers import free_port
from danqing_server.supervision.processes import Command
from tests.chaos.machines import Machine, Network, running_network
from tests.chaos.topology import DETECTION_MS, QUEUES, TopologyWhole
from tests.chaos.whole import Whole, children_of, make_home, plain_environment
from tests.support.mongo_sets import run_replica_set
from tests.support.servers import RunningServer, answers_http, running

__all__ = ["KEY", "running_two_machines"]

KEY = "two-machines-and-a-cut"
"""What clients show: a server that others reach lets nobody in without a key."""
SANDBOX_AWAY_S = 1.0


@attrs.define(kw_only=True)
class OnMachine(Whole):
    """A supervisor and its serving processes on one of the machines."""

    machine: Machine

    @property
    def base_url(self) -> str:
        """Where clients reach it."""
        return f"http://{self.machine.address}:{self.port}"

    @property
    def argv(self) -> Sequence[str]:
        """The command that starts the supervisor there."""
        return [*self.machine.entering_apart, *super().argv]

    def pids(self, role: str) -> list[int]:
        """Return the children of that role: of the first process of its machine, which is the supervisor."""
        supervisor = self._supervisor()
        if supervisor is None or role == "supervisor":
            return [] if supervisor is None else [supervisor]
        return [pid for pid, command in children_of(supervisor) if "danqing_server.serving" in command]

    def _supervisor(self) -> int | None:
        if not self.alive or self.process is None:
            return None
        return next((pid for pid, _ in children_of(self.process.pid)), None)

    def set_clock(self, pid: int, offset_s: float) -> None:
        """Let a process's wall clock be off; there it goes by another id."""
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        inner = next(line for line in lines if line.startswith("NSpid:")).split()[-1]
        super().set_clock(int(inner), offset_s)


@attrs.define(kw_only=True)
class TwoMachines(TopologyWhole):
    """Both machines, and what they share; `port` is nobody's."""

    network: Network
    parts: Sequence[OnMachine]
    sandbox: RunningServer

    @property
    def base_url(self) -> str:
        """Where the first machine is reached."""
        return self.parts[0].base_url

    @property
    def base_urls(self) -> Sequence[str]:
        """Where clients reach them."""
        return [part.base_url for part in self.parts]

    @property
    def client_host(self) -> str:
        """Where both machines reach the rest of the world."""
        return self.network.address

    @property
    def headers(self) -> Mapping[str, str]:
        """The key that clients send with every request."""
        return {"Authorization": f"Bearer {KEY}"}

    @property
    def data_dir(self) -> Path:
        """Where the simulated services keep what they billed."""
        return self.directory

    @property
    def alive(self) -> bool:
        """Whether both supervisors run."""
        return all(part.alive for part in self.parts)

    @property
    def log_path(self) -> Path:
        """What the first machine's supervisors and serving processes wrote."""
        return self.parts[0].log_path

    @property
    def servers(self) -> Sequence[RunningServer]:
        """What is started by the run itself, and by nobody else."""
        return [*super().servers, self.sandbox]

    def away_s(self, server: RunningServer) -> float:
        """Return how long *server* stays away once it was killed."""
        return SANDBOX_AWAY_S if server is self.sandbox else super().away_s(server)

    def start(self) -> None:
        """Start both supervisors; returns at once."""
        for part in self.parts:
            part.start()
        self.starts += 1

    def healthy(self) -> bool:
        """Ask both machines' `/health` once."""
        return all(part.healthy() for part in self.parts)

    def pids(self, role: str) -> list[int]:
        """Return those of both machines; for MongoDB and Redis, who leads."""
        if role == "sandbox":
            process = self.sandbox.process
            return [process.pid] if process is not None and process.poll() is None else []
        if role in ("serving", "supervisor"):
            return [pid for part in self.parts for pid in part.pids(role)]
        return super().pids(role)

    def set_clock(self, pid: int, offset_s: float) -> None:
        """Let the wall clock of a serving process be off by *offset_s* seconds from now on."""
        for part in self.parts:
            if pid in part.pids("serving"):
                part.set_clock(pid, offset_s)

    def end(self) -> None:
        """End both supervisors and all under them at once."""
        for part in self.parts:
            part.end()

    def leave(self) -> None:
        """Let everything through again, and end it for good."""
        self.mend()
        super().leave()

    def disturb(self, kind: str, random: Random) -> None:
        """Cut one machine off from the other or from everybody, or slow down the link between them."""
        if kind == "cut":
            self.network.cut()
        elif kind == "isolate":
            self.network.isolate(random.choice(self.network.machines))
        else:
            self.network.slow_down()

    def mend(self) -> None:
        """Let everything through again."""
        self.network.mend()


@contextmanager
def running_two_machines(kind: str, directory: Path, **variables: str) -> Iterator[TwoMachines]:
    """Run the system over two machines with that *kind* of Redis while the block lasts. Raises NotPossible."""
    directory.mkdir(exist_ok=True)
    with running_network() as network:
        places = [machine.place for machine in network.machines]
        members = run_replica_set(directory, secure=False, places=places, election_ms=DETECTION_MS)
        servers = QUEUES[kind](directory, places=places, down_after_ms=DETECTION_MS)
        with members as mongo, servers as queue, running(_sandbox(directory, network.address)) as sandbox:
            shared = {
                **variables,
                "MONGO_URL": mongo.url,
                "REDIS_URL": queue.url,
                "DANQING_SANDBOX_URL": sandbox.url,
                "DANQING_ASSETS_URL": str(directory / "pictures"),
                "DANQING_API_KEYS": f"chaos:{KEY}",
            }
            first_port, *_ = ports = [free_port() for _ in network.machines]
            # One name for both, as behind a proxy: else a picture's URL names whichever machine was asked.
            shared["PUBLIC_BASE_URL"] = f"http://{network.machines[0].address}:{first_port}"
            placed = zip(network.machines, ports, strict=True)
            parts = [_part(directory, machine, port, shared) for machine, port in placed]
            whole = TwoMachines(
                directory=directory,
                port=0,
                variables=shared,
                mongo=mongo,
                queue=queue,
                network=network,
                parts=parts,
                sandbox=sandbox,
            )
            with whole.running():
                yield whole


def _part(directory: Path, machine: Machine, port: int, variables: Mapping[str, str]) -> OnMachine:
    own = directory / machine.name[-1]
    make_home(own)
    listening = {**variables, "DANQING_HOST": machine.address}
    return OnMachine(directory=own, port=port, variables=listening, machine=machine)


def _sandbox(directory: Path, address: str) -> RunningServer:
    port, data_dir = free_port(), directory / "sandbox"
    data_dir.mkdir(exist_ok=True)
    url = f"http://{address}:{port}"
    where = ("--host", address, "--port", str(port), "--data-dir", str(data_dir))
    argv = (sys.executable, "-m", "danqing_providers.sandbox", *where)
    command = Command(
        name="sandbox", argv=argv, environment=plain_environment(), log_path=directory / "sandbox.log"
    )
    return RunningServer(command=command, answers=lambda: answers_http(f"{url}/ping"), url=url, data_dir=data_dir)
