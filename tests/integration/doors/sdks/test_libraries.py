"""A table of cases: each library, unmodified, against the running server; the service's ledger judges.

What only one of them does has its cases in `doors/ark` and `doors/openai`.
"""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.integration.doors.sdks.asking import make
from tests.integration.doors.sdks.conftest import KEY
from tests.integration.doors.sdks.libraries import LIBRARIES, Call, Library, Outcome
from tests.integration.doors.sdks.wire import Wire
from tests.support.servers import RunningServer
from tests.support.serving import run_serving
from tests.support.system import until
from tests.support.whole import bills_of

pytestmark = [pytest.mark.clients, pytest.mark.usefixtures("unproxied")]


@pytest.fixture
def unproxied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that read a proxy from the environment find none."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(params=LIBRARIES, ids=str)
def library(request: pytest.FixtureRequest) -> Library:
    """Each of the libraries."""
    found: Library = request.param
    return found


class Table:
    """What each case does: ask, through the wire, for a prompt of its own."""

    @pytest.fixture(autouse=True)
    def _told(self, request: pytest.FixtureRequest, library: Library, wire: Wire, sandbox: RunningServer) -> None:
        self.request, self.library, self.wire, self.sandbox = request, library, wire, sandbox
        self.prompt = f"a heron of {library}, {uuid.uuid4().hex}"

    async def ask(self, words: str = "", key: str = KEY, model: str | None = None, **told: Any) -> Outcome:
        self.prompt += words
        base = f"{self.wire.origin}{self.library.door.base}"
        call = Call(base=base, key=key, prompt=self.prompt, model=model or self.library.model, **told)
        return await make(self.library, call, self._node_folder)

    def _node_folder(self) -> Path:
        folder: Path = self.request.getfixturevalue("node_folder")
        return folder

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
        assert self.posts() == [self.library.door.generate]

    async def test_edit_with_references(self, reference: str) -> None:
        """Two pictures, in a form where OpenAI is spoken; LangChain's wrapper has no such call."""
        if not self.library.edits:
            pytest.skip("it does not edit pictures")
        outcome = await self.ask(images=(reference, reference))
        assert (outcome.failure, outcome.opened, await self.bought()) == (None, 1, 1)
        assert self.posts() == [self.library.door.edit]

    @pytest.mark.parametrize("model", [None, "doubao-seedream-4-0-250828"])
    async def test_four(self, model: str | None) -> None:
        """In one request, as a group of Ark's, or as the Vercel SDK asks for unknown models: in four equal ones."""
        outcome = await self.ask(" in 4张", model=model, n=4)
        assert (outcome.failure, outcome.opened, await self.bought()) == (None, 4, 4)

    async def test_stream(self) -> None:
        """As events; the Vercel SDK and LangChain's wrapper have no such call."""
        if not self.library.streams:
            pytest.skip("it does not stream pictures")
        outcome = await self.ask(stream=True)
        assert (outcome.failure, outcome.opened, await self.bought()) == (None, 1, 1)

    async def test_slow_one(self) -> None:
        """A picture for which the server redirects: nothing is silent for long, and nothing is asked for twice."""
        outcome = await self.ask("[sandbox:slow=3]")
        assert (outcome.failure, outcome.opened, await self.bought()) == (None, 1, 1)
        assert self.posts() == [self.library.door.generate]
        assert sum(each.startswith(self.library.door.wait) for each in self.wire.requests) > 1


class TestRefusals(Table):
    async def refused(self, why: str, outcome: Outcome) -> None:
        assert outcome.failure is not None, "it was not refused"
        assert (outcome.failure["status"], outcome.failure["code"]) == self.library.door.refusals[why]
        assert outcome.failure["message"]
        assert await self.bought() == 0

    async def test_moderation(self) -> None:
        """A code to branch on, a text to show, and no second try."""
        await self.refused("moderation", await self.ask("[sandbox:moderation]"))
        assert self.posts() == [self.library.door.generate]

    async def test_bad_model(self) -> None:
        """It is named before anything is bought."""
        await self.refused("model", await self.ask(model="no-such-model"))

    async def test_bad_key(self) -> None:
        """As the service refuses it."""
        await self.refused("key", await self.ask(key="nobodys"))

    async def test_budget_used_up(self, poor: str) -> None:
        """As the service says it; the Vercel SDK asks three times, to no harm."""
        await self.refused("budget", await self.ask(key=poor))
        assert len(self.posts()) == self.library.tries


class TestBrokenConnections(Table):
    async def test_cut_and_repeated(self) -> None:
        """A proxy loses patience; the library's own repeat finds the picture of its first try."""
        self.wire.cut_first_after_s = 0.7
        outcome = await self.ask("[sandbox:slow=3]")
        assert (outcome.failure, outcome.opened, await self.bought()) == (None, 1, 1)
        assert self.posts() == [self.library.door.generate] * 2


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
