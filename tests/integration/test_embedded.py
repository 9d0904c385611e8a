"""The embedded MongoDB and Redis, really started, and the folder they live in."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest
import redis
from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from danqing_server.supervision.companions import Companions
from danqing_server.supervision.embedded.directory import DataDirectory
from danqing_server.supervision.embedded.servers import mongod, redis_server
from danqing_server.supervision.processes import Command, StartRefused, tethered
from tests.support.serve import is_alive
from tests.support.servers import RunningServer, wait_until

pytestmark = pytest.mark.processes

JOURNALED = WriteConcern(w="majority", j=True)


def connect(server: RunningServer) -> MongoClient[dict[str, object]]:
    """Connect to a mongod."""
    return MongoClient(server.url, timeoutMS=10_000)


class TestMongod:
    def test_acknowledged_write_survives_kill_9(self, own_mongod: RunningServer) -> None:
        """What was acknowledged with the journal is there after a restart on the same port."""
        with connect(own_mongod) as client:
            client.test.get_collection("tasks", write_concern=JOURNALED).insert_one({"_id": "one"})
            own_mongod.restart()
            assert client.test.tasks.find_one() == {"_id": "one"}

    def test_slow_operation_does_not_reach_the_log(self, own_mongod: RunningServer) -> None:
        """mongod quotes slow operations with their values, and those hold prompts: it is told not to."""
        with connect(own_mongod) as client:
            assert client.admin.command("profile", -1)["slowms"] >= 1_000_000_000

    def test_answers_only_while_it_runs(self, own_mongod: RunningServer) -> None:
        """The readiness question is False, and no error, when nobody listens."""
        assert own_mongod.answers()
        own_mongod.stop()
        assert not own_mongod.answers()

    def test_listens_on_loopback_only(self, own_mongod: RunningServer) -> None:
        """Another loopback address of this machine reaches nothing."""
        port = int(own_mongod.url.rpartition(":")[2])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=1)


class TestRedisServer:
    def test_value_survives_kill_9(self, own_redis: RunningServer) -> None:
        """What was answered is in the append-only file."""
        with redis.Redis.from_url(own_redis.url) as client:
            client.lpush("waiting", "one")
        own_redis.restart()
        with redis.Redis.from_url(own_redis.url) as client:
            assert client.lrange("waiting", 0, -1) == [b"one"]

    def test_answers_only_while_it_runs(self, own_redis: RunningServer) -> None:
        """The readiness question is False, and no error, when nobody listens."""
        assert own_redis.answers()
        own_redis.stop()
        assert not own_redis.answers()


def talk_http(listener: socket.socket, times: int) -> None:
    """Answer as a web server does that does not understand."""
    for _ in range(times):
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


class TestPing:
    def test_stranger_on_the_port_is_not_taken_for_the_server(self, tmp_path: Path) -> None:
        """A listener that says something else is not ready."""
        with socket.create_server(("127.0.0.1", 0)) as stranger:
            port = stranger.getsockname()[1]
            with ThreadPoolExecutor(1) as pool:
                talking = pool.submit(talk_http, stranger, 2)
                answers = [server(tmp_path, port).answers() for server in (mongod, redis_server)]
                talking.result(timeout=5)
        assert answers == [False, False]


class TestStartPatience:
    async def test_server_that_is_never_ready_is_given_up(self, tmp_path: Path) -> None:
        """Limits of time: it runs and does not answer; the refusal says for how long, and it does not stay."""
        described = mongod(tmp_path / "mongodb", tmp_path / "mongodb.sock")
        silent = attrs.evolve(described.command, argv=("/bin/sh", "-c", "echo waiting for a lock; exec sleep 600"))
        with DataDirectory.claim(tmp_path) as directory:
            companions = Companions(
                directory=directory, give_up_after_s=600, on_hopeless=print, start_patience_s=0.5
            )
            with pytest.raises(StartRefused, match=r"did not answer within 0\.5 s: waiting for a lock"):
                await companions.start_server(attrs.evolve(described, command=silent))
            [child] = companions.children
            await companions.stop()
        assert child.exit_code is not None


class TestTether:
    def test_command_dies_with_its_parent(self, tmp_path: Path) -> None:
        """SIGKILL of the parent ends the child, by the signal it was given."""
        marker = tmp_path / "marker"
        child_script = f"trap 'touch {marker}; exit' TERM; echo $$; while :; do sleep 0.05; done"
        parent_script = (
            "import signal, subprocess; from danqing_server.supervision.processes import Command, tethered\n"
            f"argv = ('/bin/sh', '-c', {child_script!r})\n"
            "subprocess.call(tethered(Command(name='child', argv=argv, death_signal=signal.SIGTERM)))\n"
        )
        with subprocess.Popen([sys.executable, "-c", parent_script], stdout=subprocess.PIPE) as parent:
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            parent.kill()
        wait_until(lambda: not is_alive(child), what="the child's end")
        assert marker.exists()

    def test_command_that_cannot_be_run_says_so(self, tmp_path: Path) -> None:
        """A program for another kind of machine ends with one line."""
        program = tmp_path / "program"
        program.write_bytes(b"\x7fNOT-ELF")
        program.chmod(0o755)
        run = subprocess.run(tethered(Command(name="x", argv=(str(program),))), capture_output=True, check=False)
        assert run.returncode != 0
        assert b"Exec format error" in run.stderr
        assert b"Traceback" not in run.stderr


class TestDataDirectory:
    def test_second_claim_names_the_holder(self, tmp_path: Path) -> None:
        """While one supervisor has it, no other gets it."""
        with (
            DataDirectory.claim(tmp_path),
            pytest.raises(StartRefused, match=f"process {os.getpid()}"),
            DataDirectory.claim(tmp_path),
        ):
            pass

    def test_claim_is_free_again_after_the_block(self, tmp_path: Path) -> None:
        """Nothing of the lock remains."""
        for _ in range(2):
            with DataDirectory.claim(tmp_path, patience_s=0):
                pass

    def test_leftover_server_is_ended(self, tmp_path: Path) -> None:
        """A server that outlived its supervisor (there is no parent-death signal on macOS) is asked to end."""
        script = "import signal; signal.sigwait([signal.SIGTERM])"
        with DataDirectory.claim(tmp_path) as directory:
            server = subprocess.Popen(
                [sys.executable, "-c", script, str(tmp_path)], pass_fds=(directory.servers_fd,)
            )
            directory.note_servers([server.pid])
        with DataDirectory.claim(tmp_path):
            assert server.wait(timeout=5) is not None

    def test_stranger_with_a_noted_pid_is_left_alone(self, tmp_path: Path) -> None:
        """A process that took over the number of a dead server is none of ours; the wait is bounded."""
        held = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        with DataDirectory.claim(tmp_path) as directory:
            stranger = subprocess.Popen(held, stdin=subprocess.PIPE, pass_fds=(directory.servers_fd,))
            directory.note_servers([stranger.pid])
        with pytest.raises(StartRefused, match="earlier run"), DataDirectory.claim(tmp_path, patience_s=0.2):
            pass
        assert stranger.poll() is None
        stranger.communicate()
        assert stranger.returncode == 0
