"""What may change while tasks wait or run: the workflow's file, the servers, and what a server says of itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from danqing_plugins import InvalidRequest, PluginContext, Request, Unavailable
from danqing_plugins.testing import job_of
from danqing_providers.comfyui import examples_folder
from danqing_providers.comfyui.plugin import ComfyUIProvider
from tests.integration.sandbox.serving import served
from tests.support.scripted_service import page, said, scripted
from tests.support.simulated import WatchedRun

EXAMPLE = json.loads((examples_folder() / "text_to_image.json").read_text())
NAMED = """
[inputs.prompt]
to = "6.text"
[inputs.width]
to = "5.width"
[inputs.height]
to = "5.height"
[inputs.seed]
to = "3.seed"
"""
PICTURE = {"filename": "a.png", "subfolder": "", "type": "output"}
DONE = {"status": "completed", "outputs": {"9": {"images": [PICTURE]}}}
FAILED = {"status": "failed", "execution_error": {"node_id": "3", "node_type": "KSampler", "exception_type": "E"}}
WROTE_NOTHING: dict[str, Any] = {"status": "completed", "outputs": {}}


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    """Return a folder with the example as `poster`."""
    folder = tmp_path / "flows"
    folder.mkdir()
    write(folder)
    return folder


def write(folder: Path, said: str = NAMED, **renamed: str) -> None:
    """Write the example, with nodes of other ids, and what is said of it."""
    text = json.dumps(EXAMPLE)
    for old, new in renamed.items():
        text = text.replace(f'"{old.removeprefix("node_")}"', f'"{new}"')
    (folder / "poster.json").write_text(text)
    (folder / "poster.toml").write_text(said)


def provider_of(flows: Path, *servers: str) -> ComfyUIProvider:
    """Return a provider of the workflows in a folder, as they are now."""
    made = ComfyUIProvider()
    options = {"servers": list(servers), "workflows": str(flows)}
    made.configure(PluginContext(name="comfyui", options=options, data_dir=flows, call_timeout_s=60))
    return made


def run_of(provider: ComfyUIProvider, session: aiohttp.ClientSession, prompt: str = "山水") -> WatchedRun:
    """Return the run of a small picture."""
    given = {"prompt": prompt, "width": 64, "height": 64, "seed": 7}
    request = Request(provider="comfyui", type="image", model="poster", input=given)
    return WatchedRun(job=job_of(provider, request), http=session)


async def carry_out(provider: ComfyUIProvider, run: WatchedRun) -> None:
    """Generate as the server would."""
    await provider.generate(run.job, run)


async def cut_under_way(provider: ComfyUIProvider, run: WatchedRun) -> WatchedRun:
    """Cut *run* while its order is being worked on; return the next attempt."""
    working = asyncio.create_task(carry_out(provider, run))
    await run.under_way()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return run.next_attempt()


class TestWorkflow:
    """A file that is changed while tasks of it wait or run."""

    async def test_what_was_ordered_is_delivered_by_the_nodes_it_was_ordered_of(
        self, flows: Path, tmp_path: Path
    ) -> None:
        """The node that saves has another id now; the picture is there."""
        async with served(tmp_path / "sandbox", running_s=1.0) as sandbox:
            url = f"{sandbox.url}/comfyui"
            before = provider_of(flows, url)
            again = await cut_under_way(before, run_of(before, sandbox.session))
            write(flows, node_9="90")
            await carry_out(provider_of(flows, url), again)
            assert set(again.pictures) == {0}
            assert not again.calls

    async def test_what_was_ordered_of_a_file_that_is_gone_is_delivered(self, flows: Path, tmp_path: Path) -> None:
        """Nothing more can be ordered of it."""
        async with served(tmp_path / "sandbox", running_s=1.0) as sandbox:
            url = f"{sandbox.url}/comfyui"
            before = provider_of(flows, url)
            waiting, again = run_of(before, sandbox.session), run_of(before, sandbox.session)
            again = await cut_under_way(before, again)
            for ending in ("json", "toml"):
                (flows / f"poster.{ending}").rename(flows / f"other.{ending}")
            after = provider_of(flows, url)
            await carry_out(after, again)
            assert set(again.pictures) == {0}
            with pytest.raises(InvalidRequest) as caught:
                await carry_out(after, waiting)
            assert caught.value.code == "workflow_gone"

    async def test_no_other_picture_is_made_than_was_asked_for(self, flows: Path, tmp_path: Path) -> None:
        """What the file calls otherwise by now would be left out, and the picture be the file's own."""
        async with served(tmp_path / "sandbox", running_s=0.0) as sandbox:
            url = f"{sandbox.url}/comfyui"
            run = run_of(provider_of(flows, url), sandbox.session)
            write(flows, NAMED.replace("[inputs.prompt]", "[inputs.words]"))
            with pytest.raises(InvalidRequest) as caught:
                await carry_out(provider_of(flows, url), run)
            assert caught.value.code == "workflow_changed"
            assert "prompt" in caught.value.message
            assert not await sandbox.ledger()


class TestAgain:
    """A task whose user tries it again."""

    @pytest.mark.parametrize("ending", [FAILED, WROTE_NOTHING], ids=["failed", "wrote nothing"])
    async def test_a_run_that_failed_is_run_anew(self, flows: Path, ending: dict[str, Any]) -> None:
        """What was missing at the server is there by now; it was told of the run before, for ever."""
        answers = {
            "GET /prompt": [said({"exec_info": {"queue_remaining": 0}})],
            "POST /prompt": [said({"prompt_id": "first"}), said({"prompt_id": "second"})],
            "GET /api/jobs/first": [said({"id": "first", **ending})],
            "GET /api/jobs/second": [said({"id": "second", **DONE})],
        }
        async with scripted(answers) as server, aiohttp.ClientSession() as session:
            run = run_of(provider := provider_of(flows, server.url), session)
            with pytest.raises(InvalidRequest):
                await carry_out(provider, run)
            again = run.next_attempt()
            await carry_out(provider, again)
        assert set(again.pictures) == {0}


class TestServers:
    """Servers that come, go, and are lied about."""

    async def test_a_server_that_does_not_come_back_has_its_run_made_elsewhere(
        self, flows: Path, tmp_path: Path
    ) -> None:
        """Nothing was paid for; its user would wait for ever."""
        async with served(tmp_path / "second", running_s=0.0) as second:
            async with served(tmp_path / "first", running_s=30.0) as first:
                urls = [f"{first.url}/comfyui", f"{second.url}/comfyui"]
                alone = provider_of(flows, urls[0])
                again = await cut_under_way(alone, run_of(alone, first.session))
            again.http = second.session
            await carry_out(provider_of(flows, *urls), again)
            assert set(again.pictures) == {0}
            assert again.saved["server"] == urls[1]

    async def test_a_single_server_that_is_away_keeps_its_run(self, flows: Path, tmp_path: Path) -> None:
        """The next attempt asks again."""
        async with served(tmp_path / "first", running_s=30.0) as first:
            provider = provider_of(flows, f"{first.url}/comfyui")
            again = await cut_under_way(provider, run_of(provider, first.session))
        async with aiohttp.ClientSession() as again.http:
            with pytest.raises(Unavailable):
                await carry_out(provider, again)
        assert again.saved

    async def test_tasks_that_begin_at_once_go_to_both(self, flows: Path, tmp_path: Path) -> None:
        """All of them are told that both queues are empty."""
        async with (
            served(tmp_path / "first", running_s=1.0) as first,
            served(tmp_path / "second", running_s=1.0) as second,
        ):
            provider = provider_of(flows, f"{first.url}/comfyui", f"{second.url}/comfyui")
            runs = [run_of(provider, first.session, f"山水 {number}") for number in range(6)]
            await asyncio.gather(*(carry_out(provider, run) for run in runs))
            went = [run.saved["server"] for run in runs]
            assert sorted(map(went.count, set(went))) == [3, 3]

    async def test_pictures_of_any_of_several_servers_are_fetched(self, flows: Path) -> None:
        """The rule for a public service's links knows one host, and a second server may be on one's own network."""
        several = provider_of(flows, "https://gpu.example.com", "http://10.0.0.6:8188")
        assert several.info.endpoint is None
        assert provider_of(flows, "https://gpu.example.com").info.endpoint == "https://gpu.example.com"

    async def test_a_run_is_asked_for_by_the_id_that_its_server_gave_it(self, flows: Path) -> None:
        """Older ones, and what stands in for them, take no id of ours."""
        answers = {
            "GET /prompt": [said({"exec_info": {"queue_remaining": 0}})],
            "POST /prompt": [said({"prompt_id": "theirs", "number": 1, "node_errors": {}})],
            "GET /api/jobs/theirs": [said({"id": "theirs", **DONE})],
        }
        async with scripted(answers) as server, aiohttp.ClientSession() as session:
            run = run_of(provider := provider_of(flows, server.url), session)
            await carry_out(provider, run)
        assert set(run.pictures) == {0}
        assert server.asked.count("POST /prompt") == 1
        assert run.saved["prompt_id"] == "theirs"

    async def test_a_question_that_fails_is_asked_again(self, flows: Path) -> None:
        """A server that loads a model answers nobody for seconds: that is no failed attempt."""
        answers = {"GET /api/jobs/p1": [page(502), page(502), said({"id": "p1", **DONE})]}
        async with scripted(answers) as server, aiohttp.ClientSession() as session:
            provider = provider_of(flows, server.url)
            run = run_of(provider, session)
            run.saved = {"prompt_id": "p1", "server": server.url, "indexes": [0]}
            await carry_out(provider, run)
        assert set(run.pictures) == {0}


class TestSocket:
    """What the socket tells, and does not."""

    async def test_a_socket_that_breaks_is_opened_again(self, flows: Path) -> None:
        """A film takes half an hour: its progress would stand still."""
        async with moody() as url, aiohttp.ClientSession() as session:
            provider = provider_of(flows, url)
            run = run_of(provider, session)
            await carry_out(provider, run)
            assert run.fractions
            assert set(run.pictures) == {0}


@asynccontextmanager
async def moody() -> AsyncIterator[str]:
    """Yield a server whose first socket breaks at once, and whose run ends once the second told of progress."""
    ids: list[str] = []
    sockets: list[web.WebSocketResponse] = []
    looks = {True: 0, False: 0}

    async def load(_: web.Request) -> web.Response:
        return web.json_response({"exec_info": {"queue_remaining": 0}})

    async def take(request: web.Request) -> web.Response:
        ids.append((await request.json())["prompt_id"])
        return web.json_response({"prompt_id": ids[0], "number": 1, "node_errors": {}})

    async def look(_: web.Request) -> web.Response:
        looks[told := len(sockets) > 1] += 1
        is_over = looks[told] > (2 if told else 8)
        return web.json_response({"id": ids[0], **(DONE if is_over else {"status": "in_progress"})})

    async def tell(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if sockets:
            progress = {"prompt_id": ids[0], "value": 1, "max": 2, "node": "3"}
            await socket.send_json({"type": "progress", "data": progress})
        sockets.append(socket)
        if len(sockets) == 1:
            assert request.transport is not None
            request.transport.abort()
        async for _ in socket:
            pass
        return socket

    app = web.Application()
    app.add_routes([web.get("/prompt", load), web.post("/prompt", take), web.get("/ws", tell)])
    app.add_routes([web.get("/api/jobs/{id}", look)])
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")
