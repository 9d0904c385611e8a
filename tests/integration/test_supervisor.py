"""`danqing serve`: what it starts, what it survives, how it stops, and how it says that it cannot."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
import redis
from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from danqing_server.supervision.embedded.binaries import MONGOD, find_program
from tests.support.serve import ELSEWHERE, Serve, is_alive, processes_naming, run_serve
from tests.support.servers import wait_until

pytestmark = pytest.mark.processes

SERVING = "stand_in_serving.py"


def make_program(folder: Path, name: str, script: str) -> dict[str, str]:
    """Put a shell script in front of the real programs; return the variables that make it found."""
    folder.mkdir()
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def refusal(serve: Serve) -> str:
    """Wait for a refused start and return its one line."""
    assert serve.until_ended() == 2
    lines = [line for line in serve.errors.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, serve.errors
    assert serve.output == ""
    return lines[0]


def fetch(url: str) -> bytes:
    """GET *url*."""
    with urlopen(url, timeout=20) as answer:
        body: bytes = answer.read()
        return body


class TestRefusal:
    def test_port_in_use_is_one_line(self, tmp_path: Path) -> None:
        """Another program on the port: the message names it and the variable, and nothing was started."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with run_serve(tmp_path, {"PORT": str(port)}) as serve:
                line = refusal(serve)
        assert f"port {port}" in line
        assert "PORT" in line
        assert processes_naming(tmp_path / "data") == []

    def test_missing_library_names_the_package(self, tmp_path: Path) -> None:
        """The loader's own words become one line with the package and the ways round it."""
        words = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"
        fake = make_program(tmp_path / "bin", "mongod", f"echo '{words}' >&2; exit 127")
        with run_serve(tmp_path, fake) as serve:
            line = refusal(serve)
        assert "libcurl.so.4" in line
        assert "apt-get install libcurl4" in line
        assert "docker run" in line
        assert "MONGO_URL" in line

    def test_full_disk_is_told_in_the_servers_own_words(self, tmp_path: Path) -> None:
        """A server that ends at once is quoted, with its exit code and its log."""
        words = '{"s":"F","msg":"Terminating","attr":{"error":"No space left on device"}}'
        fake = make_program(tmp_path / "bin", "mongod", f"echo '{words}'; exit 100")
        with run_serve(tmp_path, fake) as serve:
            line = refusal(serve)
        assert "No space left on device" in line
        assert "code 100" in line
        assert str(tmp_path / "data" / "mongodb.log") in line

    def test_a_server_killed_before_it_was_ready_is_started_again(self, tmp_path: Path) -> None:
        """A kill from outside, or for want of memory, is no reason to refuse the start."""
        real, once = find_program(MONGOD), tmp_path / "killed"
        script = f'if [ ! -e "{once}" ]; then touch "{once}"; kill -9 $$; fi; exec "{real}" "$@"'
        with run_serve(tmp_path, make_program(tmp_path / "bin", "mongod", script)) as serve:
            serve.until_ready()
            [killed] = serve.events("companion_killed_at_start")
        assert (killed["process"], killed["exit_code"]) == ("mongod", -9)

    def test_unwritable_directory_is_one_line(self, tmp_path: Path) -> None:
        """A data directory that cannot be made is named with its variable."""
        (tmp_path / "file").write_text("")
        with run_serve(tmp_path, {"DANQING_DATA_DIR": str(tmp_path / "file" / "data")}) as serve:
            line = refusal(serve)
        assert "DANQING_DATA_DIR" in line
        assert "cannot be written" in line

    def test_directory_in_use_names_the_holder(self, tmp_path: Path) -> None:
        """A second supervisor on the same data is refused at once, and the first goes on."""
        (tmp_path / "second").mkdir()
        data = {"DANQING_DATA_DIR": str(tmp_path / "data")}
        with run_serve(tmp_path, {**data, "MONGO_URL": ELSEWHERE["MONGO_URL"]}) as first:
            first.until_ready()
            with run_serve(tmp_path / "second", data) as second:
                line = refusal(second)
            assert f"process {first.process.pid}" in line
            assert "DANQING_DATA_DIR" in line
            assert first.health() is not None

    def test_settings_refused_by_a_serving_process_refuse_the_start(self, tmp_path: Path) -> None:
        """What the child said stands alone; everything that had been started is gone."""
        with run_serve(
            tmp_path, {"STAND_IN_REFUSES": "1", "DANQING_PROCESSES": "2", "REDIS_URL": ELSEWHERE["REDIS_URL"]}
        ) as serve:
            assert serve.until_ended() == 2
            lines = {line for line in serve.errors.splitlines() if not line.startswith("{")}
        assert lines == {"danqing: stand-in: this setting is wrong"}
        assert processes_naming(tmp_path / "data") == []


class TestStart:
    def test_banner_says_what_runs_where(self, tmp_path: Path) -> None:
        """Embedded and external are told apart, the sandbox is plain, and credentials do not show."""
        with run_serve(
            tmp_path, {"STAND_IN_SANDBOX": "1", "MONGO_URL": "mongodb://someone:s3cret@127.0.0.1:1"}
        ) as serve:
            serve.until_ready()
            banner = serve.output
            assert serve.health() is not None
        assert "MongoDB   external (MONGO_URL)" in banner
        assert "Redis     embedded" in banner
        assert "SIMULATED and cost nothing" in banner
        assert "s3cret" not in banner + serve.errors
        assert "someone" not in banner

    def test_embedded_servers_do_not_see_secrets(self, tmp_path: Path) -> None:
        """The environment of mongod has no key in it. (redis-server writes its title over its own.)"""
        with run_serve(tmp_path, {"REDIS_URL": ELSEWHERE["REDIS_URL"], "VOLCENGINE_API_KEY": "k" * 20}) as serve:
            serve.until_ready()
            seen = psutil.Process(serve.child("mongod")).environ()
        assert "PATH" in seen
        assert not any("VOLCENGINE" in name for name in seen)

    def test_supervisor_imports_no_framework(self) -> None:
        """Neither Sanic nor a driver is loaded by the supervising process."""
        frameworks = ("sanic", "motor", "pymongo", "redis", "cattrs")
        loaded = f"[m for m in {frameworks} if m in sys.modules]"
        script = f"import sys, danqing_server.supervision.supervisor; print({loaded})"
        found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == "[]"


EMBEDDED = ("mongod", "redis-server", "stand_in_sandbox")
JOURNALED = WriteConcern(w="majority", j=True)


def insert(serve: Serve, key: str) -> None:
    """Have MongoDB and Redis acknowledge one value each."""
    mongo, queue = clients(serve)
    with mongo, queue:
        mongo.danqing.get_collection("tasks", write_concern=JOURNALED).insert_one({"_id": key})
        queue.lpush("waiting", key)


def stored(serve: Serve) -> tuple[list[object], list[bytes | str]]:
    """Return what MongoDB and Redis still have."""
    mongo, queue = clients(serve)
    with mongo, queue:
        found = [task["_id"] for task in mongo.danqing.tasks.find().sort("_id")]
        return found, queue.lrange("waiting", 0, -1)


def clients(serve: Serve) -> tuple[MongoClient[dict[str, object]], redis.Redis]:
    """Connect to the two servers that the serving processes were told of."""
    health = serve.health()
    assert health is not None
    return MongoClient(health["mongo"], timeoutMS=10_000), redis.Redis.from_url(health["redis"])


def serving_pid(serve: Serve) -> int | None:
    """Return which serving process answers at this moment; None when none does."""
    health = serve.health()
    return health["pid"] if health is not None else None


class TestDeath:
    def test_embedded_servers_and_sandbox_survive_kill_9(self, tmp_path: Path) -> None:
        """All come back on their ports, with what they had acknowledged."""
        with run_serve(tmp_path, {"STAND_IN_SANDBOX": "1"}) as serve:
            serve.until_ready()
            insert(serve, "one")
            victims = [serve.child(name) for name in EMBEDDED]
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: len(serve.events("process_restarted")) == 3, what="three restarts")
            assert stored(serve) == (["one"], [b"one"])
            assert not set(victims) & {serve.child(name) for name in EMBEDDED}
            assert {event["signal"] for event in serve.events("process_ended")} == {"SIGKILL"}

    def test_serving_process_is_back_at_once(self, tmp_path: Path) -> None:
        """A killed serving process is replaced, again and again, and the log names the signal."""
        with run_serve(tmp_path, ELSEWHERE) as serve:
            serve.until_ready()
            for _ in range(3):
                victim = serve.child(SERVING)
                os.kill(victim, signal.SIGKILL)
                wait_until(lambda victim=victim: serving_pid(serve) not in (None, victim), what="a new process")  # type: ignore[misc]
            ended = serve.events("process_ended")
        assert [event["process"] for event in ended] == ["serving-0"] * 3
        assert {event["signal"] for event in ended} == {"SIGKILL"}

    def test_refusal_after_the_first_start_is_a_death_like_others(self, tmp_path: Path) -> None:
        """A process that ends with code 2 later on is started again."""
        with run_serve(tmp_path, ELSEWHERE) as serve:
            serve.until_ready()
            with pytest.raises(OSError, match=r"."):
                urlopen(f"{serve.base_url}/exit?code=2", timeout=5)
            wait_until(lambda: len(serve.events("process_restarted")) == 1, what="a restart")
            wait_until(lambda: serving_pid(serve) is not None, what="a new process")
            assert [event["exit_code"] for event in serve.events("process_ended")] == [2]

    def test_killed_supervisor_leaves_nothing_in_the_way(self, tmp_path: Path) -> None:
        """Its children vanish with it; the next start, at once, on the same port, has what was acknowledged."""
        (tmp_path / "second").mkdir()
        variables = {"DANQING_DATA_DIR": str(tmp_path / "data"), "DANQING_PROCESSES": "2", "STAND_IN_SANDBOX": "1"}
        with run_serve(tmp_path, variables) as first:
            first.until_ready()
            insert(first, "one")
            serving = first.children(SERVING)
            port = first.base_url.rpartition(":")[2]
            first.send(signal.SIGKILL)
            first.until_ended()
            with run_serve(tmp_path / "second", {**variables, "PORT": port}) as second:
                second.until_ready()
                assert stored(second) == (["one"], [b"one"])
                assert len(serving) == 2
                assert not any(is_alive(pid) for pid in serving)


FULL_DISK = '{"s":"F","msg":"Terminating","attr":{"error":"No space left on device"}}'


def dies_after_its_first_life(folder: Path) -> dict[str, str]:
    """Return the variables that make mongod end at once, from its second start on."""
    real, once = find_program(MONGOD), folder / "lived"
    script = f'[ -e "{once}" ] || {{ touch "{once}"; exec "{real}" "$@"; }}; echo \'{FULL_DISK}\'; exit 14'
    return make_program(folder / "bin", "mongod", script)


class TestHopeless:
    """A process that ends at once, again and again: said in one line, and not tried for ever."""

    def test_row_of_deaths_is_one_line_with_the_last_words(self, tmp_path: Path) -> None:
        """Limits of time: after the fifth nothing more is written of each, and the rest goes on."""
        variables = {**dies_after_its_first_life(tmp_path), "REDIS_URL": ELSEWHERE["REDIS_URL"]}
        with run_serve(tmp_path, variables) as serve:
            serve.until_ready()
            os.kill(serve.child("mongod"), signal.SIGKILL)
            wait_until(lambda: serve.events("process_keeps_dying") != [], what="the report", timeout_s=30)
            [report] = serve.events("process_keeps_dying")
            assert "mongod ended 5 times at once, with code 14: Terminating: No space left" in report["reason"]
            assert str(tmp_path / "data" / "mongodb.log") in report["reason"]
            assert serve.health() is not None

    def test_server_ends_when_it_goes_on_for_too_long(self, tmp_path: Path) -> None:
        """Limits of time: exit code 1, one line, and the others are stopped in order."""
        variables = {**dies_after_its_first_life(tmp_path), "STAND_IN_GIVE_UP": "0"}
        with run_serve(tmp_path, variables) as serve:
            serve.until_ready()
            os.kill(serve.child("mongod"), signal.SIGKILL)
            assert serve.until_ended(timeout_s=40) == 1
            [line] = [line for line in serve.errors.splitlines() if not line.startswith("{")]
        assert line.startswith(
            "danqing: given up: mongod ended 5 times at once, with code 14: Terminating: No space"
        )
        assert [event["process"] for event in serve.events("process_stopped")][:2] == ["serving-0", "redis-server"]
        assert processes_naming(tmp_path / "data") == []

    def test_serving_process_that_never_lives_refuses_the_start(self, tmp_path: Path) -> None:
        """Limits of time: a start that cannot succeed is not tried for ever."""
        with run_serve(tmp_path, {**ELSEWHERE, "STAND_IN_DIES": "1"}) as serve:
            assert "serving-0 ended 5 times at once, with code 1" in refusal(serve)


class TestStop:
    def test_sigterm_stops_in_reverse_order(self, tmp_path: Path) -> None:
        """Serving processes finish their requests while MongoDB still runs; the embedded servers go last."""
        journal = tmp_path / "journal"
        with run_serve(tmp_path, {"STAND_IN_SANDBOX": "1", "STAND_IN_JOURNAL": str(journal)}) as serve:
            serve.until_ready()
            with ThreadPoolExecutor(1) as pool:
                slow = pool.submit(fetch, f"{serve.base_url}/slow")
                wait_until(lambda: "slow" in journal.read_text(), what="the request being under way")
                serve.send(signal.SIGTERM)
                assert slow.result(timeout=10) == b'{"finished": true}'
            assert serve.until_ended() == 0
            stopped = [event["process"] for event in serve.events("process_stopped")]
        assert stopped == ["serving-0", "sandbox", "redis-server", "mongod"]
        assert "with_mongodb=True" in journal.read_text()
        assert serve.events("process_ended") == []
        assert processes_naming(tmp_path / "data") == []

    def test_process_that_does_not_end_is_killed_after_the_grace_time(self, tmp_path: Path) -> None:
        """DANQING_STOP_GRACE and a margin, not longer."""
        variables = {
            **ELSEWHERE,
            "STAND_IN_IGNORES_SIGTERM": "1",
            "DANQING_STOP_GRACE": "0.1",
            "STAND_IN_MARGIN": "0.1",
        }
        with run_serve(tmp_path, variables) as serve:
            serve.until_ready()
            pid = serve.child(SERVING)
            serve.send(signal.SIGTERM)
            assert serve.until_ended() == 0
            assert [event["pid"] for event in serve.events("process_killed")] == [pid]
        assert not is_alive(pid)

    def test_second_sigint_stops_at_once(self, tmp_path: Path) -> None:
        """Pressing Ctrl-C twice does not wait for running tasks, as whoever pressed it once is told."""
        with run_serve(tmp_path, {"STAND_IN_IGNORES_SIGTERM": "1", "DANQING_STOP_GRACE": "3600"}) as serve:
            serve.until_ready()
            serve.send(signal.SIGINT)
            wait_until(lambda: serve.events("stopping") != [], what="the first SIGINT being heard")
            told = "stopping: tasks that run may end within 3600 s; Ctrl-C again stops them at once\n"
            wait_until(lambda: serve.output.endswith(told), what="being told what a second one does")
            serve.send(signal.SIGINT)
            assert serve.until_ended() == 0
        assert processes_naming(tmp_path / "data") == []

    def test_sigterm_during_the_start_is_heard(self, tmp_path: Path) -> None:
        """A server that takes its time to start does not delay the stop."""
        variables = make_program(tmp_path / "bin", "mongod", "exec sleep 600")
        with run_serve(tmp_path, variables) as serve:
            wait_until(lambda: (tmp_path / "data" / "mongodb.log").exists(), what="mongod being started")
            serve.send(signal.SIGTERM)
            assert serve.until_ended() == 0
        assert serve.output == ""


class TestRollingRestart:
    def test_sighup_replaces_the_processes_without_a_gap(self, tmp_path: Path) -> None:
        """Both processes are new afterwards, and no request in between failed."""
        with run_serve(tmp_path, {**ELSEWHERE, "DANQING_PROCESSES": "2"}) as serve:
            serve.until_ready()
            before = set(serve.children(SERVING))
            serve.send(signal.SIGHUP)
            answers = []

            def done() -> bool:
                answers.append(serving_pid(serve))
                return bool(serve.events("rolling_restart_done"))

            wait_until(done, what="the end of the rolling restart")
            after = set(serve.children(SERVING))
        assert len(after) == 2
        assert not before & after
        assert len(answers) > 1
        assert None not in answers

    def test_successor_that_refuses_changes_nothing(self, tmp_path: Path) -> None:
        """With settings that are refused the old process stays."""
        switch = tmp_path / "refuse"
        with run_serve(tmp_path, {**ELSEWHERE, "STAND_IN_REFUSES_IF": str(switch)}) as serve:
            serve.until_ready()
            before = serve.child(SERVING)
            switch.touch()
            serve.send(signal.SIGHUP)
            wait_until(lambda: serve.events("rolling_restart_given_up") != [], what="giving up")
            assert serving_pid(serve) == before

    def test_successor_that_never_listens_takes_nobodys_place(self, tmp_path: Path) -> None:
        """While it waits, as for a MongoDB that was misspelt, the old one's health is not taken for its own."""
        switch = tmp_path / "wait"
        waits = {**ELSEWHERE, "STAND_IN_WAITS_IF": str(switch), "STAND_IN_HEALTHY_WITHIN": "8"}
        with run_serve(tmp_path, waits) as serve:
            serve.until_ready()
            before = serve.child(SERVING)
            switch.touch()
            serve.send(signal.SIGHUP)
            wait_until(lambda: serve.events("rolling_restart_given_up") != [], what="giving up")
            assert serve.events("process_replaced") == []
            assert serving_pid(serve) == before

    def test_successors_go_again_where_a_later_one_refuses(self, tmp_path: Path) -> None:
        """Else one process went by the new settings and the other by the old ones, for as long as nobody saw it."""
        switch, file = tmp_path / "refuse", tmp_path / "variables"
        two = {"DANQING_PROCESSES": "2", "STAND_IN_REFUSES_IF": str(switch), "STAND_IN_FILE": str(file)}
        with run_serve(tmp_path, {**ELSEWHERE, **two, "DANQING_MAX_ATTEMPTS": "3"}) as serve:
            serve.until_ready()
            before = set(serve.children(SERVING))
            wait_until(lambda: _answering(serve) == before, what="both")  # ready is who has one that answers
            switch.write_text("1")
            file.write_text("DANQING_MAX_ATTEMPTS=4")
            serve.send(signal.SIGHUP)
            wait_until(lambda: len(serve.events("process_replaced")) == 2, what="the first, there and back")
            assert [each["process"] for each in serve.events("rolling_restart_given_up")] == ["serving-1"]
            after = set(serve.children(SERVING))
            told = {health["pid"]: health["max_attempts"] for _ in range(40) if (health := serve.health())}
        assert len(after) == 2
        assert len(before & after) == 1
        assert set(told.values()) == {"3"}

    def test_a_successor_that_cannot_be_started_is_told_and_forgotten(self, tmp_path: Path) -> None:
        """With no descriptor left nothing changes; the next reload has as many processes as there are to be."""
        switch = tmp_path / "shut"
        two = {"DANQING_PROCESSES": "2", "STAND_IN_SHUT_IF": str(switch)}
        with run_serve(tmp_path, {**ELSEWHERE, **two}) as serve:
            serve.until_ready()
            before = set(serve.children(SERVING))
            wait_until(lambda: _answering(serve) == before, what="both")
            allowed = psutil.Process(serve.process.pid).rlimit(psutil.RLIMIT_NOFILE)
            switch.touch()
            serve.send(signal.SIGHUP)
            wait_until(lambda: serve.events("rolling_restart_given_up") != [], what="giving up")
            [told] = serve.events("rolling_restart_given_up")
            assert (told["process"], told["reason"]) == ("serving-0", "Too many open files")
            assert set(serve.children(SERVING)) == before
            switch.unlink()
            psutil.Process(serve.process.pid).rlimit(psutil.RLIMIT_NOFILE, allowed)
            serve.send(signal.SIGHUP)
            wait_until(lambda: serve.events("rolling_restart_done") != [], what="the end of the rolling restart")
            after = set(serve.children(SERVING))
        assert len(after) == 2
        assert not before & after

    def test_the_grace_time_is_that_of_the_settings_read_last(self, tmp_path: Path) -> None:
        """A longer one was of no use: the processes waited for their tasks, and were killed after the old one."""
        file = tmp_path / "variables"
        stays = {"STAND_IN_IGNORES_SIGTERM": "1", "STAND_IN_MARGIN": "0", "STAND_IN_FILE": str(file)}
        with run_serve(tmp_path, {**ELSEWHERE, **stays, "DANQING_STOP_GRACE": "0.2"}) as serve:
            serve.until_ready()
            file.write_text("DANQING_STOP_GRACE=0.7")
            serve.send(signal.SIGHUP)
            wait_until(lambda: serve.events("rolling_restart_done") != [], what="the end of the rolling restart")
            serve.send(signal.SIGTERM)
            assert serve.until_ended() == 0
            assert [each["grace_s"] for each in serve.events("process_killed")] == [0.2, 0.7]


def _answering(serve: Serve) -> set[int]:
    """Return the processes that answer, of those that a moment's requests reach."""
    return {health["pid"] for _ in range(40) if (health := serve.health())}
