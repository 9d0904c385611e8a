"""A table of cases: each library, unmodified, against the running server; the service's ledger judges.

Ark's own library has its cases in `doors/ark`; what only openai-python does, in `doors/openai`.
"""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.integration.doors.sdks.conftest import KEY
from tests.integration.doors.sdks.libraries import LIBRARIES, VERCEL, Call, Outcome, make
from tests.integration.doors.sdks.wire import Wire
from tests.support.servers import RunningServer
from tests.support.serving import run_serving
from tests.support.system import until
from tests.support.whole import bills_of

pytestmark = [pytest.mark.clients, pytest.mark.usefixtures("unproxied")]

GENERATE = "POST /v1/images/generations"


@pytest.fixture
def unproxied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that read a proxy from the environment find none."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    """Each of the libraries."""
    return str(request.param)


class Table:
    """What each case does: ask, through the wire, for a prompt of its own."""

    @pytest.fixture(autouse=True)
    def _told(self, library: str, node_folder: Path, wire: Wire, sandbox: RunningServer) -> None:
        self.library, self.node_folder, self.wire, self.sandbox = library, node_folder, wire, sandbox
        self.prompt = f"a heron of {library}, {uuid.uuid4().hex}"

    async def ask(self, words: str = "", key: str = KEY, **told: Any) -> Outcome:
        self.prompt += words
        return await make(
            self.library, Call(base=self.wire.base, key=key, prompt=self.prompt, **told), self.node_folder
        )

    async def bought(self) -> int:
        return len(await bills_of(self.sandbox, self.prompt))

    def posts(self) -> list[str]:
        """What was asked for, without the redirects."""
        return [each for each in self.wire.requests if each.startswith("POST ")]


class TestPictures(Table):
    async def test_success(self) -> None:
        """One request, one picture, one purchase."""
        outcome = await self.ask()
        assert (outcome.failure, outcome.opened, await self.bought()) == (None, 1, 1)
        assert self.posts() == [GENERATE]

    async def test_edit_with_references(self, reference: str) -> None:
        """Two pictures in a form."""
        outcome = await self.ask(images=(reference, reference))
        assert (outcome.failure, outcome.opened, await self.bought()) == (None, 1, 1)
        assert self.posts() == ["POST /v1/images/edits"]

    @pytest.mark.parametrize("model", ["gpt-image-1", "doubao-seedream-4-0-250828"])
    async def test_four(self, model: str) -> None:
        """In one request, or as the Vercel SDK asks for models it does not know: in four that are the same."""
        outcome = await self.ask(model=model, n=4)
        assert (outcome.failure, outcome.opened, await self.bought()) == (None, 4, 4)

    async def test_stream(self) -> None:
        """As events; the Vercel SDK has no such call."""
        if self.library in VERCEL:
            pytest.skip("it does not stream pictures")
        outcome = await self.ask(stream=True)
        assert (outcome.failure, outcome.opened, await self.bought()) == (None, 1, 1)

    async def test_slow_one(self) -> None:
        """A picture for which the server redirects: nothing is silent for long, and nothing is asked for twice."""
        outcome = await self.ask("[sandbox:slow=3]")
        assert (outcome.failure, outcome.opened, await self.bought()) == (None, 1, 1)
        assert self.posts() == [GENERATE]
        assert sum(each.startswith("GET /v1/images/wait/") for each in self.wire.requests) > 1


class TestRefusals(Table):
    async def refused(self, status: int, code: str, outcome: Outcome) -> None:
        assert outcome.failure is not None, "it was not refused"
        assert (outcome.failure["status"], outcome.failure["code"]) == (status, code)
        assert outcome.failure["message"]
        assert await self.bought() == 0

    async def test_moderation(self) -> None:
        """A code to branch on, a text to show, and no second try."""
        await self.refused(400, "moderation_blocked", await self.ask("[sandbox:moderation]"))
        assert self.posts() == [GENERATE]

    async def test_bad_model(self) -> None:
        """It is named before anything is bought."""
        await self.refused(404, "model_not_found", await self.ask(model="no-such-model"))

    async def test_bad_key(self) -> None:
        """As OpenAI refuses it."""
        await self.refused(401, "invalid_api_key", await self.ask(key="nobodys"))

    async def test_budget_used_up(self, poor: str) -> None:
        """As OpenAI says it; the Vercel SDK asks three times, to no harm."""
        await self.refused(429, "insufficient_quota", await self.ask(key=poor))
        assert len(self.posts()) == (3 if self.library in VERCEL else 1)


class TestBrokenConnections(Table):
    async def test_cut_and_repeated(self) -> None:
        """A proxy loses patience; the library's own repeat finds the picture of its first try."""
        self.wire.cut_first_after_s = 0.7
        outcome = await self.ask("[sandbox:slow=3]")
        assert (outcome.failure, outcome.opened, await self.bought()) == (None, 1, 1)
        assert self.posts() == [GENERATE] * 2


class TestServerRestarted(Table):
    async def test_in_the_middle(self, variables: dict[str, str], tmp_path: Path) -> None:
        """The process that answers is killed, and another takes its place: the repeat finds the task.

        The process of the other tests paints meanwhile.
        """
        answering = {**variables, "DANQING_ROLE": "api"}
        first, second = (tmp_path / name for name in ("first", "second"))
        first.mkdir()
        second.mkdir()
        with run_serving(first, answering) as dying:
            self.wire.target = dying.port
            asked = asyncio.create_task(self.ask("[sandbox:slow=3]"))
            await until(self.is_waiting, what="the call being redirected")
            self.wire.target = None
        with run_serving(second, answering) as serving:
            self.wire.target = serving.port
            outcome = await asked
        assert (outcome.failure, outcome.opened, await self.bought()) == (None, 1, 1)

    def is_waiting(self) -> bool:
        return len(self.wire.requests) > 1
