"""The whole system on servers of its own: three MongoDB members, and Redis with somebody to take its place.

What is killed of them is who leads at the moment: the members' primary, the sentinels' master, one of a cluster's.
It comes back some seconds later and follows who leads by then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import attrs
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from danqing_server.supervision.embedded.servers import free_port
from tests.chaos.whole import Whole, make_home
from tests.support.mongo_sets import MongoSet, run_replica_set
from tests.support.redis_sets import RedisSet, run_cluster, run_sentinels
from tests.support.servers import RunningServer

__all__ = ["DETECTION_MS", "QUEUES", "TopologyWhole", "running_topology"]

AWAY_S = 12.0
"""How long a killed server stays away: longer than the others take to see it."""

DETECTION_MS = 5000
"""After how long a server that does not answer counts as gone: what MongoDB calls an election's timeout, Sentinel
`down-after-milliseconds`, a cluster `cluster-node-timeout`. On a busy machine less finds the living dead."""

QUEUES: Mapping[str, Callable[..., AbstractContextManager[RedisSet]]] = {
    "sentinel": run_sentinels,
    "cluster": run_cluster,
}
"""How each kind of Redis is run: in a folder, over places."""


@attrs.define(kw_only=True)
class TopologyWhole(Whole):
    """A supervisor and its serving processes, beside servers that others of their kind stand in for."""

    mongo: MongoSet
    queue: RedisSet
    _ending: threading.Event = attrs.field(factory=threading.Event, init=False)
    _starters: ThreadPoolExecutor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        # Threads that stay: a server ends with the thread that started it (PR_SET_PDEATHSIG).
        self._starters = ThreadPoolExecutor(8)

    @property
    def mongo_url(self) -> str:
        """Where the run's MongoDB is."""
        return self.mongo.url

    def pids(self, role: str) -> list[int]:
        """Return who leads, for MongoDB and Redis; nobody while none does."""
        if role == "mongod":
            return _living([self.mongo.primary()])
        if role == "redis":
            return _living(self._masters())
        return super().pids(role)

    def kill(self, pid: int) -> None:
        """End a process; a server of MongoDB's or Redis' is there again after a while."""
        for server in self.servers:
            if server.process is not None and server.process.pid == pid:
                server.kill()
                self._starters.submit(self._start_later, server)
                return
        super().kill(pid)

    @property
    def servers(self) -> Sequence[RunningServer]:
        """What is started by the run itself, and by nobody else."""
        return [*self.mongo.members, *self.queue.servers]

    def fail_over(self, role: str) -> bool:
        """Have another lead in order, as an operator would; False where that cannot be at this moment."""
        try:
            if role == "mongod":
                self.mongo.step_down()
            else:
                self.queue.fail_over()
        except (PyMongoError, RedisError, OSError):
            return False
        return True

    def away_s(self, server: RunningServer) -> float:
        """Return how long *server* stays away once it was killed."""
        return AWAY_S

    def leave(self) -> None:
        """End it, and wait for what is on its way back, so that it can be ended for good."""
        super().leave()
        self._ending.set()
        self._starters.shutdown()

    def _start_later(self, server: RunningServer) -> None:
        if not self._ending.wait(self.away_s(server)):
            try:
                server.start()
            except AssertionError as error:  # it replays its journal on a busy machine
                print(f"chaos: late: {error}", flush=True)

    def _masters(self) -> Sequence[RunningServer]:
        try:
            return self.queue.masters()
        except (RedisError, OSError, StopIteration):
            return []


def _living(servers: Sequence[RunningServer | None]) -> list[int]:
    there = [each.process for each in servers if each is not None and each.process is not None]
    return [process.pid for process in there if process.poll() is None]


@contextmanager
def running_topology(kind: str, directory: Path, **variables: str) -> Iterator[TopologyWhole]:
    """Run the system on servers of *kind* while the block lasts."""
    make_home(directory)
    mongo_set = run_replica_set(directory, election_ms=DETECTION_MS)
    with mongo_set as mongo, QUEUES[kind](directory, down_after_ms=DETECTION_MS) as queue:
        found = {**variables, "MONGO_URL": mongo.url, "REDIS_URL": queue.url}
        whole = TopologyWhole(directory=directory, port=free_port(), variables=found, mongo=mongo, queue=queue)
        with whole.running():
            yield whole
