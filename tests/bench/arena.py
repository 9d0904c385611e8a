"""Where contenders are measured: one mongod, one redis-server, the stub, and a fresh database for each run."""

from __future__ import annotations

import compileall
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import attrs
import orjson
from pymongo import MongoClient
from redis import Redis

from danqing_server.supervision.embedded.servers import free_port
from tests.bench.contenders import ROOT, Contender, Running, run_contender
from tests.bench.counters import Counters
from tests.bench.http_client import API_KEY
from tests.bench.machine import CpuWatch
from tests.bench.profiling import start_recording, stop_recording
from tests.bench.provider import entry_point_folder
from tests.bench.stub import WEBHOOK_PATH, Shown
from tests.support.servers import RunningServer, answers_http, run_mongod, run_redis, wait_until

__all__ = ["Arena", "Ground", "Stub", "open_arena"]

PASSED_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH")
SOURCES = (ROOT, ROOT / "server", ROOT / "plugins", ROOT / "providers")
"""What is measured is the checkout these files stand in, whatever the environment has installed."""
EVERYTHING_WAITS = "10000000"
ACCOUNTED = {"DANQING_API_KEYS": f"bench:{API_KEY}", "DANQING_WEBHOOK_TARGETS": "127.0.0.1"}


@attrs.frozen(kw_only=True)
class Stub:
    """One process of the stub upstream."""

    url: str
    pid: int
    counters: Counters

    def show(self, shown: Shown) -> None:
        """Begin a measurement whose pictures are *shown*, drawn by now: no contender waits for that."""
        self.counters.reset(shown=shown)
        with urllib.request.urlopen(self.url, timeout=60) as answer:
            answer.read()
        self.counters.reset(shown=shown)


@attrs.define(kw_only=True)
class Ground:
    """A fresh database and key prefix, for one contender in one stage; servers may come and go on it."""

    arena: Arena
    name: str
    contender: Contender
    starts: Iterator[int] = attrs.field(factory=itertools.count, init=False)
    told: Iterator[int] = attrs.field(factory=itertools.count, init=False)

    @property
    def tasks(self) -> Any:
        """The collection of tasks, for the harness's own synchronous client."""
        return self.arena.mongo[self.name]["danqing_tasks"]

    @contextmanager
    def serving(
        self, *, role: str = "all", concurrency: int = 256, processes: int = 1, **more: str
    ) -> Iterator[Running]:
        """Run the contender here while the block lasts; process N calls stub N."""
        common = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
        common |= {
            "PYTHONPATH": os.pathsep.join(map(str, (*SOURCES, self.arena.plugin_folder))),
            "MONGO_URL": self.arena.mongod.url,
            "REDIS_URL": self.arena.redis_server.url,
            "DANQING_DATABASE": self.name,
            "DANQING_REDIS_PREFIX": self.name,
            "DANQING_DATA_DIR": str(self.arena.folder / self.name),
            "DANQING_ROLE": role,
            "DANQING_CONCURRENCY": str(concurrency),
            "DANQING_DEFAULT_PROVIDER": "bench",
            "DANQING_DISABLED_PLUGINS": "volcengine",
            "DANQING_MAX_QUEUED": EVERYTHING_WAITS,
            "DANQING_MAX_QUEUED_PER_USER": EVERYTHING_WAITS,
            "DANQING_STOP_GRACE": "1",
            "DANQING_MONGO_DRIVER": self.contender.driver,
            "BENCH_JOURNALED": str(int(self.contender.journaled)),
            **(ACCOUNTED if self.contender.accounted else {}),
            **({"DANQING_THUMBNAILS": "at_once"} if self.contender.thumbnails else {}),
            "LOG_LEVEL": os.environ.get("BENCH_LOG_LEVEL", "warning"),
            **more,
        }
        (self.arena.folder / self.name).mkdir(exist_ok=True)
        stubs = itertools.cycle(self.arena.stubs)
        environments = [{**common, "BENCH_UPSTREAM": f"{next(stubs).url}/generate"} for _ in range(processes)]
        log_name = f"{self.name}-{next(self.starts)}"
        with run_contender(self.contender, environments, self.arena.folder, log_name) as running:
            if self.contender.accounted:
                self._tell_a_webhook(running)
            with _looked_on(running) if self.contender.watched else nullcontext():
                yield running
            for recorder in self.arena.recorders:
                stop_recording(recorder)
            self.arena.recorders.clear()

    def _tell_a_webhook(self, running: Running) -> None:
        """Have the ends of tasks told to the stub; servers that come here later know of it already."""
        if next(self.told):
            return
        body = orjson.dumps({"url": f"{self.arena.stub.url}{WEBHOOK_PATH}"})
        headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
        asking = urllib.request.Request(f"{running.base_url}/api/v1/webhooks", data=body, headers=headers)
        with urllib.request.urlopen(asking, timeout=10) as answer:
            assert answer.status == 201, answer.status


@contextmanager
def _looked_on(running: Running) -> Iterator[None]:
    """Have a studio open while the block lasts."""
    command = [sys.executable, "-m", "tests.bench.onlooker", running.base_url]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield
        assert process.poll() is None, "the onlooker was turned away"
    finally:
        process.kill()
        process.wait()


@attrs.define(kw_only=True)
class Arena:
    """The servers every contender shares."""

    folder: Path
    mongod: RunningServer
    redis_server: RunningServer
    stubs: list[Stub]
    plugin_folder: Path
    mongo: MongoClient[dict[str, Any]]
    redis: Redis
    recorders: list[subprocess.Popen[bytes]] = attrs.field(factory=list, init=False)
    names: Iterator[int] = attrs.field(factory=itertools.count, init=False)

    @property
    def stub(self) -> Stub:
        """The first stub: the only one, except where more than one process serves."""
        return self.stubs[0]

    @contextmanager
    def ground(self, contender: Contender) -> Iterator[Ground]:
        """Give *contender* a fresh database and prefix; they are removed at the end."""
        ground = Ground(arena=self, name=f"bench{next(self.names)}{contender.name}", contender=contender)
        try:
            yield ground
        finally:
            self.mongo.drop_database(ground.name)
            self.redis.flushall()
            shutil.rmtree(self.folder / ground.name, ignore_errors=True)
            os.sync()  # else whoever comes next and syncs waits for what this one left to be written

    def watch(self, running: Running) -> CpuWatch:
        """Begin to count who uses the processor, and to record it if that is asked for."""
        recorder = start_recording(running.pids[0], f"{running.contender.name}-{next(self.names)}")
        if recorder is not None:
            self.recorders.append(recorder)
        return CpuWatch(
            {
                "server": running.pids,
                "mongod": [self.mongod.pid],
                "redis": [self.redis_server.pid],
                "stub": [stub.pid for stub in self.stubs],
                "harness": [os.getpid()],
            }
        )


@contextmanager
def open_arena(stub_count: int = 2) -> Iterator[Arena]:
    """Start mongod, redis-server and the stubs; everything goes at the end."""
    for source in SOURCES[1:]:
        compileall.compile_dir(
            source, quiet=1
        )  # in a fresh checkout the first start would do that, and be measured
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="danqing-bench-")))
        mongod = stack.enter_context(run_mongod(folder))
        redis_server = stack.enter_context(run_redis(folder))
        plugin_folder = stack.enter_context(entry_point_folder())
        stubs = [stack.enter_context(_run_stub(folder, number)) for number in range(stub_count)]
        mongo = stack.enter_context(MongoClient[dict[str, Any]](mongod.url))
        redis = Redis.from_url(redis_server.url, socket_timeout=60)
        stack.callback(redis.close)
        yield Arena(
            folder=folder,
            mongod=mongod,
            redis_server=redis_server,
            stubs=stubs,
            plugin_folder=plugin_folder,
            mongo=mongo,
            redis=redis,
        )


@contextmanager
def _run_stub(folder: Path, number: int) -> Iterator[Stub]:
    path, port = folder / f"counters-{number}", free_port()
    counters = Counters(path)
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.bench.stub", "--port", str(port), "--counters", str(path)]
    process = subprocess.Popen(command, cwd=ROOT, env=dict(environment))
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers_http(url), what="the stub being ready")
        yield Stub(url=url, pid=process.pid, counters=counters)
    finally:
        process.kill()
        process.wait()
