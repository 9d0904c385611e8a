"""The metrics: they say what happened, and nothing that is nobody's business."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from danqing_plugins import InvalidRequest, Job, OutcomeUnknown, Run, Unavailable
from danqing_server.records.tasks import Status
from tests.integration.api.conftest import Client, opened
from tests.support.disks import small_disk
from tests.support.metrics import Scraped
from tests.support.providers import ScriptedProvider, deliver_all
from tests.support.receiver import run_receiver
from tests.support.system import MakeSettings, until

SECRET_PROMPT = "a-hill-nobody-may-hear-of"
KEY = "sk-0123456789-secret-key"
TOKEN = "token-of-the-scraper-0123"


async def _generate(job: Job, run: Run) -> None:
    """Do what the prompt says."""
    prompt = job.input["prompt"]
    if "refused" in prompt:
        async with run.call(run.missing, "f"):
            raise InvalidRequest("no", code="moderated")
    if "cut" in prompt:
        async with run.call(run.missing, "f"):
            raise OutcomeUnknown("cut")
    if "busy" in prompt and job.attempt == 1:
        async with run.call(run.missing, "f"):
            raise Unavailable("busy")
    await deliver_all(job, run)


async def _scrape(client: Client, **headers: str) -> Scraped:
    async with client.session.get(f"{client.base}/metrics", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return Scraped(await answer.text())


@pytest.fixture
async def client(make_settings: MakeSettings) -> AsyncIterator[Client]:
    """A whole process with metrics, whose provider does what prompts say."""
    settings = make_settings(DANQING_METRICS="on", DANQING_ON_AMBIGUOUS="fail", DANQING_WEBHOOK_TARGETS="127.0.0.1")
    async with opened(settings, ScriptedProvider(_generate), workers=True) as found:
        yield found


class TestCounts:
    async def test_tasks_calls_and_money_are_what_happened(self, client: Client) -> None:
        """Two made, one of two pictures; one refused; one whose answer was lost; one that needed two attempts."""
        system = client.system
        submitted = [
            await system.submit("a hill"),
            await system.submit("two hills", n=2),
            await system.submit("refused"),
            await system.submit("cut"),
            await system.submit("busy"),
        ]
        ended = [await system.finished(task.id) for task in submitted]
        assert [task.status for task in ended].count(Status.COMPLETED) == 3
        of_model = {"provider": "scripted", "model": "one"}

        seen = await _scrape(client)

        assert seen.sum("danqing_tasks_submitted_total", **of_model) == 5
        assert seen.sum("danqing_tasks_started_total", **of_model) == 6
        assert seen.sum("danqing_tasks_requeued_total", **of_model) == 1
        assert seen.sum("danqing_tasks_finished_total", status="completed", error="") == 3
        assert seen.sum("danqing_tasks_finished_total", status="failed") == 2
        assert seen.sum("danqing_outputs_total", state="kept", **of_model) == 4
        assert seen.sum("danqing_upstream_calls_total", outcome="delivered", **of_model) == 3
        assert seen.sum("danqing_upstream_calls_total", outcome="unknown", **of_model) == 1
        assert seen.sum("danqing_upstream_calls_total", **of_model) == 6
        assert seen.sum("danqing_cost_total", currency="CNY", certainty="certain") == pytest.approx(4 * 0.2)
        assert seen.sum("danqing_cost_total", currency="CNY", certainty="possible") == pytest.approx(0.2)
        assert seen.sum("danqing_task_wait_seconds_count", **of_model) == 5
        assert seen.sum("danqing_task_run_seconds_count", **of_model) == 6
        assert seen.sum("danqing_task_total_seconds_count", **of_model) == 3

    async def test_requests_are_counted_by_route(self, client: Client) -> None:
        """What no route takes has no name: paths are made up by clients."""
        for path in ("/health/live", "/health/live", "/made-up/1", "/made-up/2"):
            async with client.session.get(client.base + path):
                pass

        seen = await _scrape(client)

        assert seen.sum("danqing_http_requests_total", method="GET", route="/health/live", status="200") == 2
        assert seen.sum("danqing_http_requests_total", method="GET", route="", status="404") == 2

    async def test_webhooks_are_counted(self, client: Client, tmp_path_factory: pytest.TempPathFactory) -> None:
        """What was delivered, and that nothing is left."""
        with run_receiver(tmp_path_factory.mktemp("receiver")) as receiver:
            hook = {"url": f"{receiver.url}/ok", "events": ["task.completed"]}
            assert (await client.ask("POST", "/api/v1/webhooks", json=hook)).status == 201
            await client.system.submit("a hill")

            async def delivered() -> bool:
                seen = await _scrape(client)
                return seen.sum("danqing_webhook_posts_total", outcome="delivered") == 1

            await until(delivered)
            seen = await _scrape(client)
            assert seen.sum("danqing_webhooks_pending") == 0
            assert seen.has("danqing_webhooks_oldest_seconds")


class TestState:
    async def test_lanes_leases_parts_and_loops_are_shown(self, client: Client) -> None:
        """What waits, who works, what the server stands on."""
        await client.system.submit("later", delay_s=3000)

        async def beating() -> bool:
            return (await _scrape(client)).sum("danqing_leases_fresh") == 1

        await until(beating)
        seen = await _scrape(client)

        assert seen.sum("danqing_lane_delayed", lane="scripted") == 1
        assert seen.sum("danqing_lane_waiting", lane="scripted") == 0
        assert seen.sum("danqing_lane_state", lane="scripted", state="open") == 1
        assert seen.sum("danqing_lane_state", lane="scripted") == 1
        assert seen.sum("danqing_workers") == 1
        assert seen.sum("danqing_processes", role="all") == 1
        assert seen.sum("danqing_loops_down") == 0
        assert seen.sum("danqing_storage_free_bytes") > 0
        for part in ("mongodb", "redis", "storage", "workers"):
            assert seen.sum("danqing_part_up", part=part) == 1, part

    async def test_the_age_of_the_oldest_that_waits(self, make_settings: MakeSettings) -> None:
        """Without workers it only grows."""
        settings = make_settings(DANQING_METRICS="on")
        async with opened(settings, ScriptedProvider(), workers=False) as client:
            await client.system.submit("a hill")

            async def aged() -> bool:
                seen = await _scrape(client)
                return seen.sum("danqing_lane_oldest_seconds", lane="scripted") > 0

            await until(aged)
            assert (await _scrape(client)).sum("danqing_lane_waiting", lane="scripted") == 1


class TestDisks:
    async def test_the_disk_of_the_data_is_told_where_it_is_another(
        self, make_settings: MakeSettings, tmp_path: Path
    ) -> None:
        """It may be full while that of the pictures, or their bucket, has all the room."""
        with small_disk(tmp_path / "disk", 16) as disk:
            settings = make_settings(DANQING_METRICS="on", DANQING_ASSETS_URL=str(disk / "pictures"))
            async with opened(settings, ScriptedProvider(), workers=False) as client:
                seen = await _scrape(client)
                assert seen.sum("danqing_storage_total_bytes", disk="pictures") == 16 * 1024 * 1024
                assert seen.sum("danqing_storage_total_bytes", disk="data") > 16 * 1024 * 1024
                assert seen.sum("danqing_storage_free_bytes", disk="data") > 0

    async def test_what_is_kept_free_is_told_beside_it(self, make_settings: MakeSettings, tmp_path: Path) -> None:
        """An alarm that knows a share of the disk alone is silent while new tasks are refused already."""
        with small_disk(tmp_path / "disk", 16) as disk:
            named = {"DANQING_METRICS": "on", "DANQING_ASSETS_URL": str(disk / "pictures")}
            for said, kept_bytes in (({}, 16 * 1024 * 1024 // 20), ({"DANQING_DISK_RESERVE_MB": "9"}, 9 * 1024**2)):
                settings = make_settings(**named, **said)
                async with opened(settings, ScriptedProvider(), workers=False) as client:
                    seen = await _scrape(client)
                    assert seen.sum("danqing_storage_reserve_bytes", disk="pictures") == kept_bytes

    async def test_one_disk_is_told_once(self, client: Client) -> None:
        """Who adds up, or is woken, does so once."""
        seen = await _scrape(client)
        assert seen.sum("danqing_storage_free_bytes", disk="pictures") > 0
        assert seen.sum("danqing_storage_total_bytes", disk="data") == 0


class TestSecrets:
    async def test_no_label_says_what_clients_sent(self, make_settings: MakeSettings) -> None:
        """Prompts, users, ids, keys, made-up models: none of it is in a scrape."""
        settings = make_settings(
            DANQING_METRICS="on",
            DANQING_METRICS_TOKEN=TOKEN,
            DANQING_API_KEYS=f"shop:{KEY}",
            DANQING_CONCURRENCY="1",
        )
        async with opened(settings, ScriptedProvider(_generate), workers=True) as client:
            named = {"authorization": f"Bearer {KEY}"}
            body = {"prompt": SECRET_PROMPT, "user_id": "user-of-the-shop"}
            sent = await client.ask("POST", "/api/v1/ai/image/task", json=body, headers=named)
            task_id = sent.json["data"]["task_id"]
            await client.system.finished(task_id)
            made_up = {**body, "model": "ep-made-up-by-a-client"}
            await client.ask("POST", "/api/v1/ai/image/task", json=made_up, headers=named)
            await client.ask("GET", f"/api/v1/tasks/{task_id}?secret=in-the-query", headers=named)

            seen = await _scrape(client, authorization=f"Bearer {TOKEN}")

            for word in (
                SECRET_PROMPT,
                KEY,
                TOKEN,
                task_id,
                "user-of-the-shop",
                "ep-made-up",
                "in-the-query",
                "shop",
            ):
                assert word not in seen.text, word
            assert seen.sum("danqing_tasks_finished_total") == 1


class TestAccess:
    @pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
    async def test_through_a_proxy_of_this_machine_nobody_is_let_in(self, client: Client, header: str) -> None:
        """To us the whole world would be on loopback."""
        async with client.session.get(f"{client.base}/metrics", headers={header: "localhost"}) as answer:
            assert answer.status == 403
            assert "DANQING_METRICS_TOKEN" in await answer.text()

    async def test_under_another_name_nobody_is_let_in(self, make_settings: MakeSettings) -> None:
        """A proxy of this machine that says nothing of itself passes on the name that the world knows."""
        settings = make_settings(DANQING_METRICS="on", DANQING_ALLOWED_HOSTS="images.example.com")
        async with opened(settings, ScriptedProvider(), workers=False) as client:
            for host, status in (("images.example.com", 403), ("localhost", 200), ("127.0.0.1:1", 200)):
                answer = await client.session.get(f"{client.base}/metrics", headers={"host": host})
                assert answer.status == status, host

    async def test_a_token_lets_in_and_nothing_else_does(self, make_settings: MakeSettings) -> None:
        """Not even from this machine, and no API key either."""
        settings = make_settings(DANQING_METRICS="on", DANQING_METRICS_TOKEN=TOKEN, DANQING_API_KEYS=f"shop:{KEY}")
        async with opened(settings, ScriptedProvider(), workers=False) as client:
            for headers in ({}, {"authorization": f"Bearer {KEY}"}, {"authorization": "Bearer " + TOKEN[:-1]}):
                async with client.session.get(f"{client.base}/metrics", headers=headers) as answer:
                    assert answer.status == 401
            proxied = {"authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "203.0.113.9"}
            async with client.session.get(f"{client.base}/metrics", headers=proxied) as answer:
                assert answer.status == 200
                assert answer.headers["cache-control"] == "no-store"

    async def test_without_the_setting_there_is_nothing(self, make_settings: MakeSettings) -> None:
        """Who wants no metrics has no such path."""
        async with opened(make_settings(), ScriptedProvider(), workers=False) as client:
            answer = await client.session.get(f"{client.base}/metrics")
            assert answer.status == 404

    async def test_openmetrics_is_spoken_to_who_asks_for_it(self, client: Client) -> None:
        """As Prometheus does."""
        accept = {"accept": "application/openmetrics-text; version=1.0.0"}
        async with client.session.get(f"{client.base}/metrics", headers=accept) as answer:
            assert answer.content_type == "application/openmetrics-text"
            assert (await answer.text()).endswith("# EOF\n")
