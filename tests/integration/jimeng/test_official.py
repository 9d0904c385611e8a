"""Volcengine's own client library, unmodified, against the simulator: it signs, submits and asks."""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from danqing_providers.jimeng.plugin import SANDBOX_KEYS
from tests.integration.sandbox.serving import Served, served

pytestmark = pytest.mark.clients

library = pytest.importorskip(
    "volcengine.visual.VisualService", reason="volcengine is installed by make test-clients"
)

ACTIONS = ("CVSync2AsyncSubmitTask", "CVSync2AsyncGetResult")
DRAWING, SEEDREAM, FILM = "jimeng_t2i_v31", "jimeng_t2i_v40", "jimeng_ti2v_v30_pro"


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Served]:
    """Yield a simulator that takes no time."""
    async with served(tmp_path, queued_s=0.0, running_s=0.0) as running:
        yield running


@pytest.fixture
def service(sandbox: Served) -> Any:
    """Return the library, led to the simulator: to its path as well, for which the library has no setting."""
    service = library.VisualService()
    service.set_scheme("http")
    service.set_host(sandbox.url.partition("://")[2])
    service.set_ak(SANDBOX_KEYS[0])
    service.set_sk(SANDBOX_KEYS[1])
    for action in ACTIONS:
        service.api_info[action].path = "/jimeng/"
    return service


async def ask(function: Callable[[dict[str, Any]], Any], **form: Any) -> Any:
    """Call *function* of the library, which blocks."""
    return await asyncio.to_thread(function, form)


async def refused(function: Callable[[dict[str, Any]], Any], **form: Any) -> Any:
    """Return the body of a refusal: the library raises the words of its bytes, `b'{…}'`."""
    with pytest.raises(Exception, match=r"^b'") as caught:
        await ask(function, **form)
    return json.loads(ast.literal_eval(str(caught.value)))


async def made(service: Any, model: str, **form: Any) -> Any:
    """Submit a task, and return the answer to the question for it."""
    told = await ask(service.cv_sync2async_submit_task, req_key=model, **form)
    assert (told["code"], told["message"]) == (10000, "Success"), told
    id_ = told["data"]["task_id"]
    return await ask(service.cv_sync2async_get_result, req_key=model, task_id=id_, req_json='{"return_url": true}')


class TestOfficialLibrary:
    """`volcengine`, VisualService."""

    async def test_a_picture(self, service: Any, sandbox: Served) -> None:
        """Signed by the vendor's own signer, with Chinese words that it escapes; billed once."""
        told = await made(service, DRAWING, prompt="山水", width=512, height=512, seed=5)
        assert told["data"]["status"] == "done"
        status, body = await sandbox.get(told["data"]["image_urls"][0])
        assert (status, body[:4]) == (200, b"\x89PNG")
        assert [bill["prompt"] for bill in await sandbox.ledger()] == ["山水"]

    async def test_several_pictures(self, service: Any) -> None:
        """As many as the prompt asks for, unless one alone is forced."""
        told = await made(service, SEEDREAM, prompt="3 只猫", width=1024, height=1024)
        assert len(told["data"]["image_urls"]) == 3
        told = await made(service, SEEDREAM, prompt="3 只猫", width=1024, height=1024, force_single=True)
        assert len(told["data"]["image_urls"]) == 1

    async def test_a_film(self, service: Any, sandbox: Served) -> None:
        """It has one link, and is billed by the second."""
        told = await made(service, FILM, prompt="山水", frames=121, aspect_ratio="16:9")
        status, body = await sandbox.get(told["data"]["video_url"])
        assert (status, body[4:8]) == (200, b"ftyp")
        assert [bill["cost_micro"] for bill in await sandbox.ledger()] == [5_000_000]

    @pytest.mark.parametrize(
        ("word", "code"), [("moderation", 50412), ("429", 50429), ("overdue", 50400), ("fail", 50500)]
    )
    async def test_errors(self, service: Any, word: str, code: int) -> None:
        """In the service's envelope."""
        told = await refused(service.cv_sync2async_submit_task, req_key=DRAWING, prompt=f"山水 [sandbox:{word}]")
        assert (told["code"], told["data"]) == (code, None)
        assert told["request_id"]

    async def test_a_task_that_failed(self, service: Any) -> None:
        """It is done, with another code."""
        told = await made(service, DRAWING, prompt="山水 [sandbox:moderation-output]")
        assert (told["data"]["status"], told["code"]) == ("done", 50511)

    async def test_a_task_that_there_is_not(self, service: Any) -> None:
        """That is no error."""
        told = await ask(service.cv_sync2async_get_result, req_key=DRAWING, task_id="1")
        assert (told["code"], told["data"]["status"]) == (10000, "not_found")

    async def test_a_wrong_secret(self, service: Any) -> None:
        """The gateway has an envelope of its own."""
        service.set_sk("wrong")
        told = await refused(service.cv_sync2async_get_result, req_key=DRAWING, task_id="1")
        assert told["ResponseMetadata"]["Error"]["Code"] == "SignatureDoesNotMatch"
