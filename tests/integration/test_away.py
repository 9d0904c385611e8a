"""MongoDB or Redis is away: what a waiting start says, and how soon a server with nothing to do stops."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.examples import serving, starting
from tests.support.serve import Serve
from tests.support.servers import RunningServer, wait_until

pytestmark = pytest.mark.kills

# Two seconds are what is promised; the rest is for a machine that does other things beside.
SOON_S = 5.0


def stop(serve: Serve) -> float:
    """Stop it with SIGTERM; return how long that took."""
    began_s = time.monotonic()
    serve.send(signal.SIGTERM)
    assert serve.until_ended(timeout_s=120) == 0
    return time.monotonic() - began_s


@pytest.fixture
def silent() -> Iterator[str]:
    """Where connections are taken and nothing is ever said: host and port."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        host, port = listener.getsockname()
        yield f"{host}:{port}"


@pytest.fixture
def variables(sandbox: RunningServer, database_name: str, redis_prefix: str, tmp_path: Path) -> dict[str, str]:
    """Settings as an operator has them: the grace time is the default one."""
    return {
        "DANQING_SANDBOX_URL": sandbox.url,
        "DANQING_DATABASE": database_name,
        "DANQING_REDIS_PREFIX": redis_prefix,
        "DANQING_DATA_DIR": str(tmp_path / "data"),
        "DANQING_STOP_GRACE": "90",
    }


class TestStart:
    @pytest.mark.parametrize(("how", "driver"), [("refused", "motor"), ("silent", "motor"), ("silent", "pymongo")])
    def test_waiting_for_mongodb_names_it_and_ends_at_once(
        self, variables: dict[str, str], redis_url: str, silent: str, tmp_path: Path, how: str, driver: str
    ) -> None:
        """U8: host and port are in the lines, credentials are not, and SIGTERM need not wait for a grace time."""
        place = {"refused": "127.0.0.1:1", "silent": silent}[how]
        given = {"MONGO_URL": f"mongodb://someone:s3cret@{place}/x", "REDIS_URL": redis_url}
        with starting(tmp_path, {**variables, **given, "DANQING_MONGO_DRIVER": driver}) as serve:
            wait_until(lambda: serve.events("waiting_for_mongodb") != [], timeout_s=20, what="a line on MongoDB")
            assert {line["address"] for line in serve.events("waiting_for_mongodb")} == {place}
            assert stop(serve) < SOON_S
            assert "s3cret" not in serve.errors + serve.output
            assert "someone" not in serve.errors + serve.output

    @pytest.mark.parametrize("how", ["refused", "silent"])
    def test_waiting_for_redis_names_it_and_ends_at_once(
        self, variables: dict[str, str], mongo_url: str, silent: str, tmp_path: Path, how: str
    ) -> None:
        """U8: the same for Redis, without which the start is not healthy."""
        place = {"refused": "127.0.0.1:1", "silent": silent}[how]
        given = {"MONGO_URL": mongo_url, "REDIS_URL": f"redis://someone:s3cret@{place}/0"}
        with starting(tmp_path, {**variables, **given}) as serve:
            wait_until(lambda: serve.events("waiting_for_redis") != [], timeout_s=20, what="a line on Redis")
            assert {line["address"] for line in serve.events("waiting_for_redis")} == {place}
            assert stop(serve) < SOON_S
            assert "s3cret" not in serve.errors + serve.output


class TestStop:
    @pytest.mark.parametrize(
        ("away", "how", "driver"),
        [
            ("mongodb", "pause", "motor"),
            ("redis", "pause", "motor"),
            ("both", "kill", "motor"),
            ("mongodb", "pause", "pymongo"),
            ("both", "pause", "pymongo"),
        ],
    )
    def test_idle_server_stops_at_once(
        self,
        variables: dict[str, str],
        own_mongod: RunningServer,
        own_redis: RunningServer,
        tmp_path: Path,
        away: str,
        how: str,
        driver: str,
    ) -> None:
        """U8: nothing runs, so nobody has to be told anything, whichever outside system is gone or hangs."""
        victims = {"mongodb": [own_mongod], "redis": [own_redis], "both": [own_mongod, own_redis]}[away]
        given = {"MONGO_URL": own_mongod.url, "REDIS_URL": own_redis.url, "DANQING_MONGO_DRIVER": driver}
        with serving(tmp_path, {**variables, **given}) as serve:
            for victim in victims:
                getattr(victim, how)()
            wait_until(lambda: _unhealthy(serve), what="the outage being seen")
            assert stop(serve) < SOON_S


def _unhealthy(serve: Serve) -> bool:
    return serve.health() is None
