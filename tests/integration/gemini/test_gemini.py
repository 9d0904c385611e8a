"""The provider and the official client against the simulator."""

from __future__ import annotations

import asyncio
import base64
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    OutcomeUnknown,
    PluginError,
    RateLimited,
    Reference,
    ReferenceData,
    Request,
    Unavailable,
)
from danqing_plugins.billing import Billed
from danqing_plugins.recording import RecordingRun
from danqing_plugins.testing import check_provider, job_of
from danqing_providers.gemini.models import MODELS, Model
from danqing_providers.gemini.plugin import GeminiProvider
from danqing_providers.sandbox.app import create_app
from danqing_providers.sandbox.config import SandboxConfig
from tests.integration.gemini.configured import configured
from tests.support.providers import picture

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    genai = pytest.importorskip("google.genai")

FLASH, PRO = "gemini-2.5-flash-image", "gemini-3-pro-image"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session like the server's."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a simulator that takes no time."""
    async with TestServer(create_app(SandboxConfig(data_dir=tmp_path, latency_s=0))) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
def provider(url: str) -> GeminiProvider:
    """The provider without a key."""
    return configured(f"{url}/gemini")


def asked(model: str = FLASH, prompt: str = "a red fox", references: Any = (), **input_: Any) -> Request:
    """Return a submission."""
    return Request(
        provider="gemini", type="image", model=model, input={"prompt": prompt, **input_}, references=references
    )


def begin(provider: GeminiProvider, session: aiohttp.ClientSession, request: Request) -> RecordingRun:
    """Return the run of a new task."""
    given = {each.field: ReferenceData(body=picture(64, 64), media_type="image/png") for each in request.references}
    return RecordingRun(job=job_of(provider, request), http=session, references=given)


async def ledger(session: aiohttp.ClientSession, url: str) -> list[dict[str, Any]]:
    """Return what was billed."""
    async with session.get(f"{url}/sandbox/ledger") as answer:
        entries: list[dict[str, Any]] = (await answer.json())["entries"]
        return entries


class TestProvider:
    """Every model, every refusal."""

    @pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
    async def test_every_model(
        self, provider: GeminiProvider, session: aiohttp.ClientSession, url: str, model: Model
    ) -> None:
        """Two pictures of the widest shape, with one to go by; charged by tokens."""
        size = {"image_size": model.sizes[0]} if model.sizes else {}
        references = (Reference(field="image", asset="own"),)
        request = asked(model.id, n=2, aspect_ratio=model.ratios[-1], references=references, **size)
        run = begin(provider, session, request)
        await provider.generate(run.job, run)
        assert set(run.pictures) == {0, 1}
        assert base64.b64decode(run.pictures[0].base64 or "").startswith(b"\x89PNG")
        costs = [entry["cost_micro"] for entry in await ledger(session, url)]
        assert [call.cost_micro for call in run.calls] == costs

    @pytest.mark.parametrize("count", [1, 3])
    async def test_keeps_every_rule(
        self, provider: GeminiProvider, session: aiohttp.ClientSession, count: int
    ) -> None:
        """The conformance kit."""
        await check_provider(provider, asked(prompt="three views of a quiet hill", n=count), session=session)

    @pytest.mark.parametrize(
        ("word", "kind", "code"),
        [
            ("moderation", ContentRejected, "PROHIBITED_CONTENT"),
            ("moderation-output", ContentRejected, "IMAGE_SAFETY"),
            ("429=7", RateLimited, "RESOURCE_EXHAUSTED"),
            ("quota", AccountProblem, "RESOURCE_EXHAUSTED.PerDay"),
            ("overdue", AccountProblem, "FAILED_PRECONDITION"),
            ("401", AccountProblem, "API_KEY_INVALID"),
            ("fail", Unavailable, "INTERNAL"),
            ("unavailable", Unavailable, "UNAVAILABLE"),
        ],
    )
    async def test_refusals(
        self,
        provider: GeminiProvider,
        session: aiohttp.ClientSession,
        url: str,
        word: str,
        kind: type[PluginError],
        code: str,
    ) -> None:
        """Each is what it is, and no picture was billed."""
        run = begin(provider, session, asked(prompt=f"a fox [sandbox:{word}]"))
        with pytest.raises(kind) as caught:
            await provider.generate(run.job, run)
        assert caught.value.code == code
        assert getattr(caught.value, "retry_after_s", None) == (7 if kind is RateLimited else None)
        assert await ledger(session, url) == []

    @pytest.mark.parametrize("word", ["reset-after-billing", "truncate", "garbled"])
    async def test_an_answer_that_is_lost(
        self, provider: GeminiProvider, session: aiohttp.ClientSession, url: str, word: str
    ) -> None:
        """Paid for, and nobody knows."""
        run = begin(provider, session, asked(prompt=f"a fox [sandbox:{word}]"))
        with pytest.raises(OutcomeUnknown):
            await provider.generate(run.job, run)
        assert run.books.billed is Billed.UNKNOWN
        assert len(await ledger(session, url)) == 1

    @pytest.mark.parametrize(
        ("model", "input_", "field"),
        [
            (FLASH, {"image_size": "1K"}, "image_size"),
            (PRO, {"image_size": "1k"}, "image_size"),
            (PRO, {"aspect_ratio": "1:8"}, "aspect_ratio"),
            (PRO, {"thinking_level": "high"}, "thinking_level"),
            (PRO, {"n": 9}, "n"),
            (PRO, {"negative_prompt": "fog"}, "negative_prompt"),
        ],
    )
    def test_wrong_fields_are_named(
        self, provider: GeminiProvider, model: str, input_: dict[str, Any], field: str
    ) -> None:
        """Before anything is queued."""
        with pytest.raises(InvalidRequest) as caught:
            provider.prepare(asked(model, **input_))
        assert [problem.field for problem in caught.value.problems] == [field]


async def test_pictures_of_the_same_words_vary(
    provider: GeminiProvider, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """As Gemini's do, where the simulator is told so."""
    config = SandboxConfig(data_dir=tmp_path, latency_s=0, vary=True)
    async with TestServer(create_app(config)) as server:
        url = server.make_url(f"/gemini/v1/models/{FLASH}:generateContent")
        body = {"contents": [{"parts": [{"text": "a fox"}]}]}
        answers = []
        for _ in range(2):
            async with session.post(url, json=body, headers={"x-goog-api-key": "key"}) as response:
                answer = await response.json()
                answers.append(answer["candidates"][0]["content"]["parts"][-1]["inlineData"]["data"])
    assert answers[0] != answers[1]


@pytest.mark.clients
class TestOfficialLibrary:
    """`google-genai`, unmodified."""

    @pytest.fixture
    def client(self, url: str) -> Iterator[Any]:
        """A client of the simulator."""
        options = genai.types.HttpOptions(base_url=f"{url}/gemini")
        with genai.Client(api_key="key", http_options=options) as client:
            yield client

    async def test_a_picture(self, client: Any) -> None:
        """Words, thoughts and the picture; tokens."""
        config = genai.types.GenerateContentConfig(
            response_modalities=["TEXT", "IMAGE"],
            image_config=genai.types.ImageConfig(aspect_ratio="16:9", image_size="1K"),
        )
        answer = await asyncio.to_thread(
            client.models.generate_content, model=PRO, contents="a red fox", config=config
        )
        images = [part.inline_data for part in answer.candidates[0].content.parts if part.inline_data]
        assert images[-1].data.startswith(b"\x89PNG")
        assert answer.usage_metadata.candidates_token_count == 1120

    async def test_a_refusal(self, client: Any) -> None:
        """With status 200."""
        answer = await asyncio.to_thread(
            client.models.generate_content, model=FLASH, contents="x [sandbox:moderation]"
        )
        assert answer.prompt_feedback.block_reason == "PROHIBITED_CONTENT"

    @pytest.mark.parametrize(
        ("word", "code", "status"),
        [("429", 429, "RESOURCE_EXHAUSTED"), ("fail", 500, "INTERNAL"), ("401", 400, "INVALID_ARGUMENT")],
    )
    async def test_errors(self, client: Any, word: str, code: int, status: str) -> None:
        """The library's own class, with code and status."""
        with pytest.raises(genai.errors.APIError) as caught:
            await asyncio.to_thread(client.models.generate_content, model=FLASH, contents=f"x [sandbox:{word}]")
        assert (caught.value.code, caught.value.status) == (code, status)
