"""`danqing doctor`: what is wrong is found and said, and nothing is changed or bought."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from danqing_server.doctor.accounts import look_at_accounts
from danqing_server.doctor.examination import examine_all
from danqing_server.doctor.finding import Finding, State
from danqing_server.doctor.servers import look_at_workers
from danqing_server.plugins.registry import load_registry
from danqing_server.store.client import connect
from danqing_server.store.leases import WorkerBeat
from danqing_server.store.restoring import RestoreStore
from tests.integration.api.conftest import opened
from tests.support.disks import small_disk
from tests.support.installed import all_but
from tests.support.providers import ScriptedProvider
from tests.support.servers import RunningServer
from tests.support.system import MakeSettings, running_system, until

NOBODY = 65534
BAD_KEY = "bad-key"  # the simulators know it for one that is nobody's

SERVICES = {
    "volcengine": ("VOLCENGINE_API_KEY", "VOLCENGINE_ENDPOINT", "/ark/api/v3"),
    "openai": ("OPENAI_API_KEY", "OPENAI_BASE_URL", "/openai/v1"),
    "gemini": ("GEMINI_API_KEY", "DANQING_GEMINI_ENDPOINT", "/gemini"),
    "dashscope": ("DASHSCOPE_API_KEY", "DANQING_DASHSCOPE_ENDPOINT", "/dashscope"),
    "replicate": ("REPLICATE_API_TOKEN", "REPLICATE_ENDPOINT", "/replicate/v1"),
    "fal": ("FAL_KEY", "FAL_ENDPOINT", "/fal"),
    "jimeng": ("VOLC_SECRETKEY", "JIMENG_ENDPOINT", "/jimeng"),
}
GOOD_KEYS = {"jimeng": "sandbox-secret"}  # it signs; the others are shown
PLUGINS = {"openai": "openai_images"}


async def _found(environment: Mapping[str, str], part: str) -> Finding:
    findings = [each for each in await examine_all(environment) if each.part == part]
    assert findings, part
    return findings[0]


@pytest.fixture
def environment(make_settings: MakeSettings) -> dict[str, str]:
    """The variables of an installation that is well, whose server does not run."""
    variables = dict(make_settings(PORT="9").environment)
    del variables["DANQING_DEFAULT_PROVIDER"]
    return {**variables, "DANQING_DISABLED_PLUGINS": all_but("volcengine"), "DANQING_SANDBOX": "volcengine"}


class TestWell:
    async def test_a_server_that_works_has_nothing_wrong(self, make_settings: MakeSettings) -> None:
        """With workers and its own folder; each part is looked at."""
        settings = make_settings()
        async with opened(settings, ScriptedProvider(), workers=True) as client:
            await client.system.submit("a hill")
            environment = {
                **settings.environment,
                "PORT": str(client.port),
                "DANQING_DISABLED_PLUGINS": all_but("volcengine"),
                "DANQING_DEFAULT_PROVIDER": "volcengine",
                "DANQING_SANDBOX": "volcengine",
            }

            async def beating() -> bool:
                return (await _found(environment, "workers")).state is State.OK

            await until(beating)
            findings = await examine_all(environment)

        assert [each for each in findings if each.state is State.WRONG] == []
        told = {each.part: each.state for each in findings}
        for part in ("settings", "server", "redis", "indexes", "clock of mongodb", "clock of redis", "storage"):
            assert told[part] is State.OK, part
        assert told["disk of the pictures"] in (State.OK, State.WARNING)
        assert told["mongodb"] is State.WARNING  # a single mongod that is not ours: it should be a replica set
        assert all(each.do is not None for each in findings if each.state in (State.WARNING, State.WRONG))


class TestServers:
    @pytest.mark.parametrize(
        ("variable", "url", "part"),
        [
            ("MONGO_URL", "mongodb://127.0.0.1:9", "mongodb"),
            ("REDIS_URL", "redis://127.0.0.1:9", "redis"),
        ],
    )
    async def test_one_that_is_away_is_wrong(
        self, environment: dict[str, str], variable: str, url: str, part: str
    ) -> None:
        """And says where it was looked for; the others are looked at all the same."""
        found = await _found({**environment, variable: url}, part)

        assert found.state is State.WRONG
        assert variable in (found.do or "")
        assert "127.0.0.1:9" in (found.do or "")

    async def test_a_password_is_never_shown(self, environment: dict[str, str]) -> None:
        """Its URL holds it."""
        urls = {"MONGO_URL": "mongodb://u:hidden1@127.0.0.1:9", "REDIS_URL": "redis://u:hidden2@127.0.0.1:9"}

        shown = repr(await examine_all({**environment, **urls}))

        assert "hidden" not in shown

    async def test_an_index_that_is_missing_is_named(
        self, environment: dict[str, str], make_settings: MakeSettings
    ) -> None:
        """Where there are tasks; without them there is nothing to find."""
        settings = make_settings()
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            await system.submit("a hill")
        async with connect(settings) as database:
            await database["danqing_tasks"].drop_index("waiting")

        found = await _found(environment, "indexes")

        assert found.state is State.WARNING
        assert "waiting" in found.says

    async def test_a_restore_that_was_cut_is_wrong(
        self, environment: dict[str, str], make_settings: MakeSettings
    ) -> None:
        """No server starts on it, and whoever looks why is told what to do."""
        async with connect(make_settings()) as database:
            await RestoreStore(database).begin("20261130T000000Z", datetime.now(UTC), clears=False)

        found = await _found(environment, "restore")

        assert (found.state, "20261130T000000Z" in found.says) == (State.WRONG, True)
        assert "danqing restore" in (found.do or "")

    async def test_a_redis_that_throws_keys_away_is_warned_of(
        self, environment: dict[str, str], own_redis: RunningServer
    ) -> None:
        """What waits would be forgotten under load, and found again by the sweep only."""
        from redis.asyncio import Redis

        async with Redis.from_url(own_redis.url) as redis:
            await redis.config_set("maxmemory-policy", "allkeys-lru")

        found = await _found({**environment, "REDIS_URL": own_redis.url}, "redis memory")

        assert found.state is State.WARNING
        assert "noeviction" in (found.do or "")


class TestWorkers:
    @pytest.mark.parametrize("ahead", [0, 300, -300])
    def test_who_beats_works_though_this_machine_has_another_time(self, ahead: int) -> None:
        """Beats are of MongoDB's time: by a clock that is minutes off, all were dead, or none was."""
        of_mongodb = datetime.now(UTC) + timedelta(seconds=ahead)
        beats = [WorkerBeat(id="w1", beat=3, host="a", pid=1, seen_at=of_mongodb - timedelta(seconds=4))]

        assert look_at_workers(beats, of_mongodb).state is State.OK
        assert look_at_workers(beats, of_mongodb + timedelta(seconds=60)).state is State.WARNING


class TestMachine:
    async def test_who_may_not_look_into_the_data_is_told_so(
        self, environment: dict[str, str], tmp_path: Path
    ) -> None:
        """The folder is its server's account's alone; whatever else there is is looked at."""
        data = tmp_path / "data"
        data.mkdir(mode=0o700)
        beside = {name: value for name, value in environment.items() if name not in ("MONGO_URL", "REDIS_URL")}
        with _shut_to_us(data) as within:
            done = await asyncio.to_thread(
                subprocess.run,
                [*within, sys.executable, "-m", "danqing_server", "doctor", "--json"],
                cwd="/",
                env={**beside, "DANQING_DATA_DIR": str(data / "below"), "PATH": os.environ["PATH"]},
                capture_output=True,
                text=True,
            )

        assert (done.returncode, done.stderr) == (1, "")
        told = {each["part"]: each for each in json.loads(done.stdout)["findings"]}
        for part in ("mongodb", "redis", "disk of the data", "disk of the pictures", "storage"):
            assert (told[part]["state"], "account" in told[part]["do"]) == ("wrong", True), told[part]
        assert "provider volcengine" in told

    async def test_a_folder_that_cannot_be_written_is_wrong(
        self, environment: dict[str, str], tmp_path: Path
    ) -> None:
        """A file stands where the pictures are to be."""
        (tmp_path / "taken").write_text("")

        found = await _found({**environment, "DANQING_ASSETS_URL": str(tmp_path / "taken")}, "storage")

        assert found.state is State.WRONG

    async def test_a_disk_on_which_nothing_new_is_taken_is_wrong(
        self, environment: dict[str, str], tmp_path: Path
    ) -> None:
        """The server answers 503 as soon as there is less than its reserve, however much that is."""
        free_mb = shutil.disk_usage(tmp_path).free // 1024**2

        found = await _found({**environment, "DANQING_DISK_RESERVE_MB": str(free_mb * 2)}, "disk of the data")

        assert (found.state, "503" in found.says) == (State.WRONG, True)
        assert "DANQING_DISK_RESERVE_MB" in (found.do or "")

    async def test_a_disk_that_turned_read_only_is_told_as_one(
        self, environment: dict[str, str], tmp_path: Path
    ) -> None:
        """As the kernel makes one with errors: no other account could write there either."""
        with small_disk(tmp_path / "disk", 8) as disk:
            await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,ro", disk], check=True)

            found = await _found({**environment, "DANQING_DATA_DIR": str(disk)}, "disk of the data")

        assert (found.state, "read-only" in found.says) == (State.WRONG, True)
        assert "dmesg" in (found.do or "")

    async def test_settings_that_are_wrong_are_each_a_line(self, environment: dict[str, str]) -> None:
        """And everything else is still looked at."""
        findings = await examine_all({**environment, "DANQING_PROCESSES": "many", "LOG_LEVEL": "loud"})

        told = [each.says for each in findings if each.part == "settings" and each.state is State.WRONG]
        assert len(told) == 2
        assert "DANQING_PROCESSES" in told[0] + told[1]
        assert any(each.part == "redis" and each.state is State.OK for each in findings)


class TestAccounts:
    @pytest.mark.parametrize("provider", SERVICES)
    async def test_a_key_is_tried_without_buying(
        self, environment: dict[str, str], sandbox: RunningServer, provider: str
    ) -> None:
        """A good one is taken, a bad one is told; the service's own ledger says that nothing was paid."""
        key, endpoint, path = SERVICES[provider]
        real = {
            **environment,
            "DANQING_DISABLED_PLUGINS": all_but(PLUGINS.get(provider, provider)),
            "DANQING_SANDBOX": "",
            "VOLC_ACCESSKEY": "AKLTsandbox",
            endpoint: f"{sandbox.url}{path}",
        }
        before = await _ledger(sandbox)

        good = await _found({**real, key: GOOD_KEYS.get(provider, "sk-good")}, f"provider {provider}")
        bad = await _found({**real, key: BAD_KEY}, f"provider {provider}")

        assert (good.state, "takes the key" in good.says) == (State.OK, True), good
        assert bad.state is State.WRONG, bad
        assert "refuses the key" in bad.says
        assert BAD_KEY not in repr(bad)
        assert await _ledger(sandbox) == before

    async def test_a_service_that_is_not_reached_is_told(self, environment: dict[str, str]) -> None:
        """As a matter of the network, not of the key."""
        away = {"VOLCENGINE_API_KEY": "sk-good", "VOLCENGINE_ENDPOINT": "http://127.0.0.1:9/api/v3"}

        found = await _found({**environment, **away, "DANQING_SANDBOX": ""}, "provider volcengine")

        assert found.state in (State.WARNING, State.WRONG)
        assert "key" not in found.says

    async def test_a_plugin_that_fails_keeps_no_other_from_being_told(self, make_settings: MakeSettings) -> None:
        """Nor does one that never ends: a doctor that falls ill helps nobody."""

        class Broken(ScriptedProvider):
            async def prove_account(self, session: aiohttp.ClientSession) -> bool:
                raise KeyError("what it says may hold a key")

        both = [("broken", Broken(name="broken")), ("scripted", ScriptedProvider())]
        findings = {each.part: each for each in await look_at_accounts(load_registry(make_settings(), extra=both))}

        assert findings["provider broken"].state is State.WRONG
        assert findings["provider broken"].says == "its plugin failed: KeyError"
        assert findings["provider scripted"].state is State.SKIPPED


@contextmanager
def _shut_to_us(folder: Path) -> Iterator[Sequence[str]]:
    """Yield within what a command is to be run that may not enter *folder*: root may enter everything."""
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        rights = "-dac_override,-dac_read_search"
        yield ["setpriv", "--bounding-set", rights, "--inh-caps", rights]
        return
    folder.chmod(0)
    try:
        yield []
    finally:
        folder.chmod(0o700)


async def _ledger(sandbox: RunningServer) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{sandbox.url}/sandbox/ledger") as answer:
        return len((await answer.json())["entries"])


async def _doctor(folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "danqing_server", "doctor", "--json"],
        cwd=folder,
        env={**variables, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )


class TestCommand:
    @pytest.mark.parametrize(
        ("serves", "mongo", "code"), [(True, None, 0), (False, None, 7), (False, "mongodb://127.0.0.1:9", 1)]
    )
    async def test_its_exit_code_says_whether_something_is_wrong(
        self,
        environment: dict[str, str],
        make_settings: MakeSettings,
        tmp_path: Path,
        serves: bool,
        mongo: str | None,
        code: int,
    ) -> None:
        """Warnings are none; a server that is away is told apart, as by all commands. --json prints objects."""
        variables = environment if mongo is None else {**environment, "MONGO_URL": mongo}
        async with AsyncExitStack() as stack:
            if serves:
                opening = opened(make_settings(), ScriptedProvider(), workers=True)
                variables = {**variables, "PORT": str((await stack.enter_async_context(opening)).port)}
            done = await _doctor(tmp_path, variables)
        assert done.returncode == code, done.stdout + done.stderr
        assert done.stderr == ""
        findings = json.loads(done.stdout)["findings"]
        assert {"part", "state", "says", "do"} == set(findings[0])
        assert any(each["state"] == "wrong" for each in findings) == (code == 1)
