"""Real MongoDB, Redis and sandbox for every integration test: one of each per run, names of its own per test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from danqing_server.settings.server import Settings
from danqing_server.supervision.embedded.servers import free_port
from tests.support.installed import looked_for_once
from tests.support.memory import run_small_mongod
from tests.support.servers import RunningServer, run_redis, run_sandbox
from tests.support.system import MakeSettings, settings_for


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share what is made for their module together: each process of a run would make it anew."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None and any(_of_the_module(item)):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def _of_the_module(item: pytest.Item) -> Iterator[bool]:
    known = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    for definitions in known.values():
        yield definitions[-1].scope == "module" and not definitions[-1].argname.startswith("_xunit")


@pytest.fixture(scope="session", autouse=True)
def _installed() -> Iterator[None]:
    with looked_for_once():
        yield


@pytest.fixture(scope="session")
def shared_mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The run's mongod. Do not kill it: `own_mongod` is for that."""
    with run_small_mongod(tmp_path_factory.mktemp("mongod")) as server:
        yield server


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The run's redis-server. Do not kill or flush it: `own_redis` is for that."""
    with run_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The run's Ark sandbox, answering without delay."""
    folder = tmp_path_factory.mktemp("sandbox")
    with run_sandbox(folder, port=free_port(), arguments=("--latency-s", "0")) as server:
        yield server


@pytest.fixture(scope="module")
def own_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A simulator whose ledger is its module's own; orders take a moment."""
    arguments = ("--latency-s", "0", "--queued-s", "0.1", "--running-s", "0.3")
    with run_sandbox(tmp_path_factory.mktemp("sandbox"), port=free_port(), arguments=arguments) as server:
        yield server


@pytest.fixture
def sandbox_url(sandbox: RunningServer) -> str:
    """The base URL of the run's sandbox, without a trailing slash."""
    return sandbox.url


@pytest.fixture(scope="session")
def tidying(shared_mongod: RunningServer) -> Iterator[MongoClient[Any]]:
    """What takes a test's database away: a new one costs the more the more there are."""
    with MongoClient[Any](shared_mongod.url) as client:
        yield client


@pytest.fixture
def mongo_url(shared_mongod: RunningServer, database_name: str, tidying: MongoClient[Any]) -> Iterator[str]:
    """The URL of the run's MongoDB, without a database."""
    yield shared_mongod.url
    tidying.drop_database(database_name)


@pytest.fixture
def database_name() -> str:
    """A database of this test's own."""
    return f"test_{uuid.uuid4().hex[:16]}"


@pytest.fixture
def redis_url(shared_redis: RunningServer) -> str:
    """The URL of the run's Redis."""
    return shared_redis.url


@pytest.fixture
def redis_prefix() -> str:
    """A prefix for this test's own keys."""
    return f"test-{uuid.uuid4().hex[:16]}"


@pytest.fixture
def own_mongod(tmp_path: Path) -> Iterator[RunningServer]:
    """A mongod that this test may kill, pause and restart."""
    with run_small_mongod(tmp_path) as server:
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RunningServer]:
    """A redis-server that this test may kill, pause and restart."""
    with run_redis(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def slow_mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A mongod that can be made slow, and be held up (MongoDB's own test commands)."""
    folder = tmp_path_factory.mktemp("mongod")
    with run_small_mongod(folder, "--setParameter", "enableTestCommands=1") as server:
        yield server


@pytest.fixture
def make_settings(
    mongo_url: str, database_name: str, redis_url: str, redis_prefix: str, tmp_path: Path
) -> MakeSettings:
    """Settings for this test's own names: variables by name, other servers by `mongo_url` or `redis_url`."""

    def make(*, mongo_url: str = mongo_url, redis_url: str = redis_url, **variables: str) -> Settings:
        return settings_for(mongo_url, database_name, redis_url, redis_prefix, tmp_path, **variables)

    return make


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """Settings for this test's own names."""
    return make_settings()


@pytest.fixture
def variables(
    mongo_url: str, redis_url: str, sandbox_url: str, database_name: str, redis_prefix: str, tmp_path: Path
) -> dict[str, str]:
    """What a whole server is told, with this test's own names."""
    return {
        "MONGO_URL": mongo_url,
        "REDIS_URL": redis_url,
        "DANQING_DATABASE": database_name,
        "DANQING_REDIS_PREFIX": redis_prefix,
        "DANQING_DATA_DIR": str(tmp_path / "data"),
        "DANQING_SANDBOX_URL": sandbox_url,
    }
