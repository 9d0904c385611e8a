"""Providers of a chaos run, beside the real one: one under a spend limit, one whose answer is no picture, one more.

All pay at the same sandbox, so that one ledger has every bill.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp

from danqing_plugins import (
    InvalidRequest,
    Job,
    ModelInfo,
    OutcomeUnknown,
    PluginContext,
    Prepared,
    Provider,
    ProviderInfo,
    Request,
    Result,
    Run,
    Unavailable,
)
from danqing_providers.volcengine.plugin import VolcengineProvider

__all__ = ["Capped", "words"]

MODEL = "doubao-seedream-4-0-250828"
CALL_TIMEOUT_S = 60.0
VAST_BYTES = 17 * 1024 * 1024


class Capped(VolcengineProvider):
    """Volcengine's provider once more, under the name that the run's spend limit is for."""

    name = "capped"


class Second(VolcengineProvider):
    """Volcengine's provider once more: the run's route begins there."""

    name = "second"


class Words(Provider):
    """Answers with data alone, for one paid call; `[chaos:checkpoint]` saves more than MongoDB takes before it."""

    def __init__(self) -> None:
        self._url = ""

    @property
    def info(self) -> ProviderInfo:
        model = ModelInfo(id=MODEL, title="Words", types=("words",))
        return ProviderInfo(name="words", title="Words", models=(model,), default_model=MODEL, sandbox=True)

    def configure(self, context: PluginContext) -> None:
        self._url = f"{context.sandbox_url}/api/v3/images/generations"

    def prepare(self, request: Request) -> Prepared:
        return Prepared(model=MODEL, input=dict(request.input), outputs=0)

    async def generate(self, job: Job, run: Run) -> Result | None:
        prompt = str(job.input["prompt"])
        if "[chaos:checkpoint]" in prompt:
            await run.checkpoint({"said": "a" * VAST_BYTES})
        async with run.call((), hashlib.sha256(prompt.encode()).hexdigest()) as call:
            call.request_id, usage = await self._pay(run, call.id, prompt)
            call.usage = usage
        return Result(output={"words": "a picture is worth a thousand"})

    async def _pay(self, run: Run, call_id: str, prompt: str) -> tuple[str | None, dict[str, Any]]:
        headers = {"Authorization": "Bearer sandbox", "X-Client-Request-Id": call_id}
        body = {"model": MODEL, "prompt": prompt, "size": "1280x720"}
        timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_S)
        with _failures():
            async with run.session.post(self._url, json=body, headers=headers, timeout=timeout) as answer:
                if answer.status != 200:
                    raise _error(answer.status)
                return answer.headers.get("X-Request-Id"), dict((await answer.json())["usage"])


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        raise Unavailable("the service cannot be reached") from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise OutcomeUnknown("the service did not answer") from error


def _error(status: int) -> Exception:
    if status >= 500 or status == 429:
        return Unavailable(f"the service answered {status}")
    return InvalidRequest(f"the service answered {status}")


words = Words()
