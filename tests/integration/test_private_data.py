"""E13: what other accounts of the machine see of a server and its data: nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import psutil
import pytest
import redis
from pymongo import MongoClient

from danqing_server.supervision.embedded.directory import DataDirectory
from danqing_server.supervision.embedded.servers import free_port, mongod, redis_server
from danqing_server.supervision.embedded.sockets import socket_folder
from danqing_server.supervision.processes import StartRefused
from tests.support.serve import Serve, run_serve
from tests.support.servers import RunningServer, run_embedded

pytestmark = pytest.mark.processes

NOBODY = 65534
EMBEDDED = ("mongod", "redis-server")


def sockets_of(serve: Serve) -> tuple[Path, Path]:
    """Return where MongoDB and Redis listen, as the serving processes were told."""
    health = serve.health()
    assert health is not None
    mongo, queue = health["mongo"], health["redis"]
    return Path(unquote(mongo.removeprefix("mongodb://"))), Path(
        unquote(queue.removeprefix("unix://").split("?")[0])
    )


def open_to_others(folder: Path) -> list[str]:
    """Return what under *folder*, itself among it, another account has any right to."""
    entries = [folder, *folder.rglob("*")]
    return [str(entry) for entry in entries if not entry.is_symlink() and entry.lstat().st_mode & 0o077]


class TestPorts:
    def test_embedded_servers_listen_on_no_port(self, tmp_path: Path) -> None:
        """E13: neither MongoDB nor Redis can be reached over the network, loopback included."""
        with run_serve(tmp_path, {}) as serve:
            serve.until_ready()
            for name in EMBEDDED:
                connections = psutil.Process(serve.child(name)).net_connections("inet")
                assert [each for each in connections if each.status == psutil.CONN_LISTEN] == []

    def test_sockets_lie_where_no_other_account_enters(self, tmp_path: Path) -> None:
        """E13: the folder and the sockets in it are ours alone; no password stands on a command line."""
        with run_serve(tmp_path, {}) as serve:
            serve.until_ready()
            for path in sockets_of(serve):
                assert stat.S_ISSOCK(path.stat().st_mode)
                assert open_to_others(path.parent) == []

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can try as another account")
    def test_another_account_is_refused(self, tmp_path: Path) -> None:
        """E13: nobody connects to either socket."""
        with run_serve(tmp_path, {}) as serve:
            serve.until_ready()
            for path in sockets_of(serve):
                script = (
                    f"import os, socket; os.setuid({NOBODY}); socket.socket(socket.AF_UNIX).connect({str(path)!r})"
                )
                tried = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
                assert "PermissionError" in tried.stderr


class TestFiles:
    def test_nothing_under_data_is_open_to_others(self, tmp_path: Path) -> None:
        """E13: the directory and every file in it, whatever the umask of the person who starts the server."""
        before = os.umask(0)
        try:
            with run_serve(tmp_path, {"STAND_IN_SANDBOX": "1"}) as serve:
                serve.until_ready()
                assert open_to_others(tmp_path / "data") == []
        finally:
            os.umask(before)

    def test_open_directory_is_shut(self, tmp_path: Path) -> None:
        """E13: what an earlier release, or the operator, left at 0755."""
        (tmp_path / "data").mkdir(mode=0o755)
        with DataDirectory.claim(tmp_path / "data"):
            assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700

    def test_directory_shared_by_design_is_left_alone(self, tmp_path: Path) -> None:
        """Nobody's /tmp is taken from the others."""
        tmp_path.chmod(0o1777)
        with DataDirectory.claim(tmp_path):
            assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777


@contextmanager
def as_31f8bed_left_it(data_dir: Path) -> Iterator[tuple[RunningServer, RunningServer]]:
    """Run MongoDB and Redis in *data_dir* as that release did: on loopback ports."""
    data_dir.mkdir(mode=0o755)
    described = (mongod(data_dir / "mongodb", free_port()), redis_server(data_dir / "redis", free_port()))
    with run_embedded(described[0]) as mongo, run_embedded(described[1]) as queue:
        yield mongo, queue


class TestUpgrade:
    def test_old_data_directory_goes_on(self, tmp_path: Path) -> None:
        """E13: what 31f8bed stored on loopback ports is there behind the sockets."""
        with as_31f8bed_left_it(tmp_path / "data") as (mongo, queue):
            with (
                MongoClient[dict[str, object]](mongo.url, journal=True) as client,
                redis.Redis.from_url(queue.url) as cache,
            ):
                client.danqing.tasks.insert_one({"_id": "old"})
                cache.lpush("waiting", "old")
            mongo.stop()
            queue.stop()
        with run_serve(tmp_path, {}) as serve:
            serve.until_ready()
            health = serve.health()
            assert health is not None
            with MongoClient[dict[str, object]](health["mongo"]) as client:
                assert client.danqing.tasks.find_one() == {"_id": "old"}
            with redis.Redis.from_url(health["redis"]) as cache:
                assert cache.lrange("waiting", 0, -1) == [b"old"]


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A data directory whose path leaves no room for a socket's."""
    data = tmp_path / ("d" * 60) / ("e" * 60)
    data.mkdir(parents=True, mode=0o700)
    return data


class TestLongPaths:
    def test_sockets_move_to_a_folder_of_ours_and_go_with_it(self, deep: Path) -> None:
        """E13: 107 bytes are not enough for `data/run`: a private temporary folder, removed in the end."""
        with socket_folder(deep) as folder:
            assert deep not in folder.parents
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert not folder.exists()

    def test_folder_of_a_killed_run_is_found_again(self, deep: Path) -> None:
        """E13: kill -9 leaves the folder; the next start takes it instead of making one more."""
        killed = socket_folder(deep)
        folder = killed.__enter__()
        with socket_folder(deep) as again:
            assert again == folder

    def test_folder_that_is_no_longer_ours_alone_is_not_taken(self, deep: Path) -> None:
        """E13: whoever opened it, or put another in its place, gets no socket of ours."""
        killed = socket_folder(deep)
        folder = killed.__enter__()
        folder.chmod(0o777)
        with socket_folder(deep) as another:
            assert another != folder
        folder.rmdir()

    def test_whole_server_runs_in_a_deep_directory(self, deep: Path, tmp_path: Path) -> None:
        """E13: and comes back there after a kill."""
        with run_serve(tmp_path, {"DANQING_DATA_DIR": str(deep)}) as first:
            first.until_ready()
            sockets = sockets_of(first)
        with run_serve(tmp_path, {"DANQING_DATA_DIR": str(deep)}) as second:
            second.until_ready()
            assert sockets_of(second) == sockets
            assert all(path.is_socket() for path in sockets)

    def test_no_place_for_a_socket_is_one_line(self, deep: Path) -> None:
        """The refusal names the ways out."""
        with pytest.raises(StartRefused, match="DANQING_DATA_DIR"), socket_folder(deep, [str(deep)]):
            pass
