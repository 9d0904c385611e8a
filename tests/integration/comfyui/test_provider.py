"""The provider against a ComfyUI server that keeps ComfyUI's rules: every way a run can go, and every cut."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from PIL import Image

from danqing_plugins import (
    InvalidRequest,
    PluginContext,
    PluginError,
    Reference,
    ReferenceData,
    Request,
    Unavailable,
)
from danqing_plugins.testing import check_provider, job_of
from danqing_providers.comfyui import examples_folder
from danqing_providers.comfyui.plugin import ComfyUIProvider
from tests.integration.sandbox.serving import Served, served
from tests.support.scripted_service import page, said, scripted
from tests.support.simulated import WatchedRun

PICTURE = {"filename": "a.png", "subfolder": "", "type": "output"}
SECOND_OUTPUT = """{
  "20": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "not-there.safetensors"}},
  "21": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["20", 2]}},
  "22": {"class_type": "SaveImage", "inputs": {"images": ["21", 0], "filename_prefix": "second"}},"""


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Served]:
    """Yield a sandbox whose runs take no time."""
    async with served(tmp_path / "sandbox", running_s=0.0) as running:
        yield running


@pytest.fixture
def provider(sandbox: Served, tmp_path: Path) -> ComfyUIProvider:
    """Return the provider that works with it."""
    return configured(tmp_path, f"{sandbox.url}/comfyui")


def configured(folder: Path, url: str) -> ComfyUIProvider:
    """Return a provider of the example workflows on the server at *url*."""
    provider = ComfyUIProvider()
    provider.configure(
        PluginContext(name="comfyui", data_dir=folder, call_timeout_s=60, sandbox=True, sandbox_url=url)
    )
    return provider


def asked(model: str = "text_to_image", type_: str = "image", **input_: Any) -> Request:
    """Return a submission for small pictures."""
    given = {"prompt": "山水", "seed": 7, **input_}
    sized = {} if model == "image_to_image" else {"width": 128, "height": 64}
    return Request(provider="comfyui", type=type_, model=model, input={**sized, **given})


def run_of(provider: ComfyUIProvider, sandbox: Served, request: Request, **more: Any) -> WatchedRun:
    """Return the run of a submission."""
    return WatchedRun(job=job_of(provider, request), http=sandbox.session, **more)


async def carry_out(provider: ComfyUIProvider, run: WatchedRun) -> None:
    """Generate as the server would."""
    await provider.generate(run.job, run)


async def failed(provider: ComfyUIProvider, run: WatchedRun) -> PluginError:
    """Return what a generation raises."""
    with pytest.raises(PluginError) as caught:
        await carry_out(provider, run)
    return caught.value


async def runs_of(sandbox: Served) -> list[str]:
    """Return the ids under which something was made, each as often as it was."""
    return sorted({entry["job"] for entry in await sandbox.ledger()})


class TestRuns:
    """A run that goes well."""

    async def test_it_keeps_the_servers_rules(self, provider: ComfyUIProvider, sandbox: Served) -> None:
        """The conformance kit: cut at the order, in the middle, again after its end."""
        await check_provider(provider, asked(n=2), session=sandbox.session)

    async def test_what_was_written_is_fetched_from_the_server(
        self, provider: ComfyUIProvider, sandbox: Served
    ) -> None:
        """Of the size that was asked for, in the order of the batch."""
        run = run_of(provider, sandbox, asked(n=2))
        await carry_out(provider, run)
        links = [run.pictures[index].url for index in range(2)]
        sizes = [await size_of(sandbox, str(link)) for link in links]
        assert sizes == [(128, 64)] * 2
        assert len(set(links)) == 2
        assert len(await runs_of(sandbox)) == 1

    async def test_a_picture_goes_in_under_a_name_of_its_own(
        self, provider: ComfyUIProvider, sandbox: Served, tmp_path: Path
    ) -> None:
        """It is uploaded, and the workflow loads it."""
        Image.new("RGB", (64, 48), "red").save(tmp_path / "in.png")
        reference = Reference(field="image", asset="t/in.png")
        request = attrs.evolve(asked("image_to_image"), references=(reference,))
        body = ReferenceData(body=(tmp_path / "in.png").read_bytes(), media_type="image/png")
        run = run_of(provider, sandbox, request, references={"image": body})
        await carry_out(provider, run)
        assert run.pictures[0].url is not None

    async def test_progress_and_previews_come_by_the_socket(
        self, provider: ComfyUIProvider, sandbox: Served
    ) -> None:
        """And nothing is lost without them."""
        run = run_of(provider, sandbox, asked(prompt="山水 [sandbox:running=1]"))
        await carry_out(provider, run)
        assert run.fractions == sorted(run.fractions)
        assert run.fractions
        assert all(source.body and source.body[:2] == b"\xff\xd8" for _, source in run.previews)

    async def test_two_servers_share_the_work(self, sandbox: Served, tmp_path: Path) -> None:
        """A server that is away gets none of it."""
        both = ComfyUIProvider()
        servers = ["http://127.0.0.1:1", f"{sandbox.url}/comfyui"]
        options = {"servers": servers, "workflows": str(examples_folder())}
        both.configure(PluginContext(name="comfyui", options=options, data_dir=tmp_path, call_timeout_s=60))
        run = run_of(both, sandbox, asked())
        await carry_out(both, run)
        assert run.saved["server"] == servers[1]


class TestTrouble:
    """A run that does not."""

    async def test_a_value_the_server_does_not_take_names_node_and_field(
        self, sandbox: Served, tmp_path: Path
    ) -> None:
        """What only the server knows: which checkpoints it has."""
        provider = with_workflow(tmp_path, sandbox, "v1-5-pruned", "v9")
        error = await failed(provider, run_of(provider, sandbox, asked("other")))
        assert isinstance(error, InvalidRequest)
        assert error.code == "value_not_in_list"
        assert "`ckpt_name` of node 4 (CheckpointLoaderSimple)" in error.message

    async def test_an_output_behind_a_refused_node_is_no_omission(self, sandbox: Served, tmp_path: Path) -> None:
        """ComfyUI runs the rest of such a workflow: the node that it refuses is named, and nothing is left out."""
        provider = with_workflow(tmp_path, sandbox, "{", SECOND_OUTPUT, 1)
        run = run_of(provider, sandbox, asked("other"))
        error = await failed(provider, run)
        assert (type(error), error.code) == (InvalidRequest, "value_not_in_list")
        assert "`ckpt_name` of node 20 (CheckpointLoaderSimple)" in error.message
        assert not run.omitted

    async def test_a_node_that_is_not_installed_is_named(self, sandbox: Served, tmp_path: Path) -> None:
        """The server has other custom nodes than the one the workflow was made on."""
        provider = with_workflow(tmp_path, sandbox, '"VAEDecode"', '"VAEDecodeFancy"')
        error = await failed(provider, run_of(provider, sandbox, asked("other")))
        assert (type(error), error.code) == (InvalidRequest, "missing_node_type")
        assert "VAEDecodeFancy" in error.message

    async def test_a_node_that_fails_is_named_and_the_prompt_is_not(
        self, provider: ComfyUIProvider, sandbox: Served
    ) -> None:
        """Nothing is tried again that fails for itself."""
        error = await failed(provider, run_of(provider, sandbox, asked(prompt="秘密 [sandbox:job-fails]")))
        assert (type(error), error.code) == (InvalidRequest, "execution_error")
        assert "KSampler" in error.message
        assert "秘密" not in error.message

    async def test_a_cut_answer_is_no_second_run(self, provider: ComfyUIProvider, sandbox: Served) -> None:
        """The next attempt finds the order under its own id."""
        run = run_of(provider, sandbox, asked(prompt="山水 [sandbox:reset-after-billing x1]"))
        await failed(provider, run)
        again = run.next_attempt()
        await carry_out(provider, again)
        assert not again.calls
        assert len(await runs_of(sandbox)) == 1

    async def test_an_order_that_never_arrived_is_placed(self, provider: ComfyUIProvider, sandbox: Served) -> None:
        """Under the same id, once."""
        run = run_of(provider, sandbox, asked(prompt="山水 [sandbox:reset x1]"))
        await failed(provider, run)
        again = run.next_attempt()
        await carry_out(provider, again)
        assert (await runs_of(sandbox))[0].startswith(again.saved["prompt_id"])

    async def test_a_restarted_server_is_asked_again(self, tmp_path: Path) -> None:
        """It has forgotten its queue; the files of other runs are still there."""
        async with served(tmp_path / "sandbox", running_s=3.0) as before:
            provider = configured(tmp_path, f"{before.url}/comfyui")
            run = run_of(provider, before, asked())
            working = asyncio.create_task(carry_out(provider, run))
            await run.under_way()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        async with served(tmp_path / "sandbox", running_s=0.0) as after:
            again = run.next_attempt()
            again.http, again.saved["server"] = after.session, f"{after.url}/comfyui"
            await carry_out(configured(tmp_path, f"{after.url}/comfyui"), again)
            assert again.pictures
            assert not again.calls

    async def test_an_interrupted_run_is_tried_again_anew(self, provider: ComfyUIProvider, sandbox: Served) -> None:
        """Somebody at the server stopped it: its id is worth nothing any more."""
        run = run_of(provider, sandbox, asked(prompt="山水 [sandbox:running=3]"))
        working = asyncio.create_task(failed(provider, run))
        await run.under_way()
        assert await provider.cancel_order(run.job, run)
        error = await working
        assert (type(error), error.code) == (Unavailable, "interrupted")
        assert run.saved == {}

    async def test_what_a_proxy_says_of_a_question_says_nothing_of_the_run(self, tmp_path: Path) -> None:
        """It goes on, and the next attempt asks for it again."""
        async with scripted({"GET /api/jobs/p1": [page(400)]}) as server, aiohttp.ClientSession() as session:
            provider = configured(tmp_path, server.url)
            run = WatchedRun(job=job_of(provider, asked()), http=session)
            run.saved = {"prompt_id": "p1", "server": server.url, "indexes": [0]}
            assert isinstance(await failed(provider, run), Unavailable)
            assert run.saved

    async def test_a_run_that_ends_between_two_questions_is_not_placed_again(self, tmp_path: Path) -> None:
        """Of an older server, without `/api/jobs`: its history had not got it yet, and its queue no more."""
        history = {"p1": {"outputs": {"9": {"images": [PICTURE]}}, "status": {"messages": []}}}
        answers = {
            "GET /history/p1": [said({}), said(history)],
            "GET /queue": [said({"queue_running": [], "queue_pending": []})],
        }
        async with scripted(answers) as server, aiohttp.ClientSession() as session:
            provider = configured(tmp_path, server.url)
            run = WatchedRun(job=job_of(provider, asked()), http=session)
            run.saved = {"prompt_id": "p1", "server": server.url, "indexes": [0]}
            await carry_out(provider, run)
        assert "POST /prompt" not in server.asked
        assert set(run.pictures) == {0}

    async def test_no_server_at_all_is_unavailable(self, tmp_path: Path, sandbox: Served) -> None:
        """And nothing was begun."""
        provider = configured(tmp_path, "http://127.0.0.1:1")
        run = run_of(provider, sandbox, asked())
        assert isinstance(await failed(provider, run), Unavailable)
        assert not run.calls


def with_workflow(folder: Path, sandbox: Served, old: str, new: str, times: int = -1) -> ComfyUIProvider:
    """Return a provider of one workflow, the example with *new* in the place of *old*, *times* times (-1: all)."""
    flows = folder / "flows"
    flows.mkdir()
    example = (examples_folder() / "text_to_image.json").read_text()
    (flows / "other.json").write_text(example.replace(old, new, times))
    options = {"servers": [f"{sandbox.url}/comfyui"], "workflows": str(flows)}
    provider = ComfyUIProvider()
    provider.configure(PluginContext(name="comfyui", options=options, data_dir=folder, call_timeout_s=60))
    return provider


async def size_of(sandbox: Served, link: str) -> tuple[int, int]:
    """Return width and height of the picture behind *link*."""
    status, body = await sandbox.get(link)
    assert status == 200
    with Image.open(io.BytesIO(body)) as picture:
        return picture.size
