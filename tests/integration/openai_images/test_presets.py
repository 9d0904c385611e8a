"""Every preset against the simulator of its service: what it sends is taken, and what comes is understood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from danqing_plugins import AccountProblem, ContentRejected, OutcomeUnknown, PluginError, RateLimited, Unavailable
from danqing_plugins.testing import check_provider
from tests.integration.openai_images.conftest import Client
from tests.integration.sandbox.serving import Served
from tests.unit.openai_images.builders import configured

HOSTED = ("azure", "xai", "together", "siliconflow", "zhipu")
OWN = ("localai", "vllm_omni", "sglang", "sdcpp")

SMALL = {
    "azure": "1024x640",
    "together": "256x192",
    "localai": "256x256",
    "vllm_omni": "256x256",
    "sglang": "256x256",
    "sdcpp": "256x256",
}
"""Where a small picture can be asked for: painting takes time."""

Connect = Callable[[str], Client]


def sized(preset: str, **input_: Any) -> dict[str, Any]:
    """Return an input with a small size, where there is one."""
    return {"size": SMALL[preset], **input_} if preset in SMALL else input_


@pytest.fixture
def connect(sandbox: Served, session: aiohttp.ClientSession) -> Connect:
    """Return a function that makes a client of a preset."""

    def make(preset: str) -> Client:
        written = {"preset": preset, **({} if preset in HOSTED else {"base_url": "http://127.0.0.1:9/v1"})}
        return Client(
            configured(written, sandbox_url=f"{sandbox.url}/openai", call_timeout_s=60.0), session, sandbox
        )

    return make


class TestEveryPreset:
    @pytest.mark.parametrize("preset", [*HOSTED, *OWN])
    async def test_keeps_every_rule_of_the_kit(self, connect: Connect, preset: str) -> None:
        """Two pictures, in as many calls as the service needs."""
        client = connect(preset)
        await check_provider(client.provider, client.request(**sized(preset, n=2)), session=client.session)

    @pytest.mark.parametrize("preset", [*HOSTED, *OWN])
    async def test_every_model_takes_what_its_form_offers(self, connect: Connect, preset: str) -> None:
        """The first of each choice, the least of each number, a picture where pictures are taken."""
        client = connect(preset)
        for model in client.provider.info.models:
            fields = model.parameters["properties"]
            input_ = {name: least for name, part in fields.items() if (least := _least(name, part)) is not None}
            references = ("image[0]",) if "image" in fields else ()
            size = {} if "1.5" in model.id or "mini" in model.id else sized(preset)
            run = await client.carry_out(model.id, references=references, **input_, **size)
            assert set(run.pictures) == {0}, model.id
            assert run.calls[0].request_id, model.id

    @pytest.mark.parametrize("preset", ["azure", "xai", "siliconflow", "localai", "vllm_omni", "sglang", "sdcpp"])
    async def test_pictures_to_edit_arrive(self, connect: Connect, preset: str) -> None:
        """They change what is painted."""
        client = connect(preset)
        models = [model for model in client.provider.info.models if "image" in model.parameters["properties"]]
        plain, edited = [
            await client.carry_out(models[0].id, references=references, **sized(preset))
            for references in (("image[1]",), ("image[0]",))
        ]
        bodies = [await _content(client, run.pictures[0]) for run in (plain, edited)]
        assert bodies[0] != bodies[1]


async def _content(client: Client, source: Any) -> str | bytes:
    if source.url is None:
        return str(source.base64)
    async with client.session.get(source.url) as answer:
        assert answer.status == 200
        return await answer.read()


def _least(name: str, part: dict[str, Any]) -> Any:
    if name in ("prompt", "image", "mask", "n", "size", "partial_images", "output_compression"):
        return None
    if "enum" in part:
        return part["enum"][0]
    kinds = {"integer": part.get("minimum"), "number": part.get("minimum"), "boolean": True}
    return kinds.get(part.get("type", ""), "a text of ours")


class TestMeanings:
    """Codes and statuses of each service."""

    @pytest.mark.parametrize(
        ("preset", "word", "error"),
        [
            ("azure", "401", AccountProblem),
            ("azure", "quota", AccountProblem),
            ("azure", "moderation", ContentRejected),
            ("azure", "429", RateLimited),
            ("xai", "401", AccountProblem),
            ("xai", "429", RateLimited),
            ("xai", "fail", OutcomeUnknown),
            ("together", "429", RateLimited),
            ("siliconflow", "401", AccountProblem),
            ("siliconflow", "quota", AccountProblem),
            ("siliconflow", "429", RateLimited),
            ("siliconflow", "overloaded", Unavailable),
            ("siliconflow", "fail", OutcomeUnknown),
            ("zhipu", "401", AccountProblem),
            ("zhipu", "quota", AccountProblem),
            ("zhipu", "429", RateLimited),
            ("zhipu", "overloaded", Unavailable),
            ("zhipu", "moderation", ContentRejected),
            ("zhipu", "fail", Unavailable),
            ("sglang", "fail", Unavailable),
            ("sdcpp", "fail", Unavailable),
            ("vllm_omni", "reset", OutcomeUnknown),
        ],
    )
    async def test_trouble_means_the_same_everywhere(
        self, connect: Connect, preset: str, word: str, error: type[PluginError]
    ) -> None:
        """Whatever its form."""
        client = connect(preset)
        run = client.begin(prompt=f"a hill [sandbox:{word}]")
        with pytest.raises(error):
            await client.provider.generate(run.job, run)
        assert await client.sandbox.ledger() == []

    async def test_empty_account_of_zhipu_is_certain(self, connect: Connect) -> None:
        """It comes as 429 and is no limit."""
        client = connect("zhipu")
        run = client.begin(prompt="a hill [sandbox:quota]")
        with pytest.raises(AccountProblem) as raised:
            await client.provider.generate(run.job, run)
        assert (raised.value.certain, raised.value.code) == (True, "1113")

    async def test_picture_that_xai_took_back_is_rejected_and_the_others_kept(self, connect: Connect) -> None:
        """The answer is a 200 with a flag; the cost is what the answer says."""
        client = connect("xai")
        run = await client.carry_out(prompt="a hill [sandbox:moderation-output=1]", n=2)
        assert set(run.pictures) == {0}
        assert isinstance(run.rejected[1], ContentRejected)
        assert run.calls[0].cost_micro == 20_000

    async def test_all_taken_back_is_no_lost_answer(self, connect: Connect) -> None:
        """Nothing is left to buy again."""
        client = connect("xai")
        run = await client.carry_out(prompt="a hill [sandbox:moderation-output]")
        assert isinstance(run.rejected[0], ContentRejected)
        assert run.missing == ()

    async def test_link_of_siliconflow_lives_an_hour(self, connect: Connect) -> None:
        """It is to be fetched at once."""
        client = connect("siliconflow")
        run = await client.carry_out()
        url = run.pictures[0].url
        assert url is not None
        client.sandbox.now_s[0] += 3601
        async with client.session.get(url) as answer:
            assert answer.status == 403
