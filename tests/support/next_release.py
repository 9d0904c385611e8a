"""The release after this one, simulated: `python -m tests.support.next_release`, its settings are variables.

It is this code with another codec: its documents are of version 2, hold fields that this release does not know, at
every depth, and for prompts with one of these words what this release cannot decode:

- `urgent`: a priority of that name,
- `shape`: the number of pictures is an object,
- `call`: outcomes of calls have other names.

It submits `TASKS` tasks of its own and carries tasks out; with `HOLDS=1` those with the word `hold` never end.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

import attrs

from danqing_plugins import Job, Run, Source
from danqing_server.codec import documents
from danqing_server.log import configure_logging
from danqing_server.records.outputs import Output
from danqing_server.records.tasks import CallRecord, Task
from danqing_server.settings.server import Settings
from danqing_server.store import reading
from tests.support.providers import ScriptedProvider, picture
from tests.support.system import running_system
from tests.support.worker_process import DEAD_AFTER_S

__all__ = ["MOST_HELD", "NEXT_VERSION", "scripted"]

NEXT_VERSION = 2
HELD = ("hold", "hold pair", "hold call", "hold")
FREE = ("plain", "urgent", "shape", "call")
MOST_HELD = 32
CALL_S = 0.05
SUBMIT_EVERY_S = 0.01
CALLED = "next-"


def scripted(*, holds: bool = False, concurrency: int = 8) -> ScriptedProvider:
    """Return a provider of either release, which may hold tasks that say so at their last picture."""

    async def generate(job: Job, run: Run) -> None:
        words = str(job.input["prompt"]).split()
        for index in run.missing:
            async with run.call([index], "next" if "call" in words else "this"):
                if holds and "hold" in words and index == job.outputs - 1:
                    await asyncio.Event().wait()
                await asyncio.sleep(CALL_S)
                await run.deliver(index, Source.from_bytes(picture()))

    return ScriptedProvider(generate, concurrency=concurrency)


@attrs.frozen
class _NextCodec:
    """Stands before this release's converter of documents."""

    before: Any

    def unstructure(self, value: Any) -> Any:
        document = self.before.unstructure(value)
        if isinstance(value, Task):
            _change_task(document, str(value.input["prompt"]).split())
        elif isinstance(value, CallRecord):
            document["region"] = {"name": "eu-2"}
            if value.fingerprint == "next":
                document["outcome"] = CALLED + value.outcome
        elif isinstance(value, Output):
            document["kind"] = "image"
        return document

    def structure(self, document: Mapping[str, Any], type_: Any) -> Any:
        return self.before.structure(_as_before(document) if type_ is Task else document, type_)


def _change_task(document: dict[str, Any], words: list[str]) -> None:
    document |= {"kind": "image", "outlet": {"marks": ["submitted"]}}
    if "urgent" in words:
        document["priority"] = "urgent"
    if "shape" in words:
        document["images"] = {"image": document["images"]}


def _as_before(document: Mapping[str, Any]) -> dict[str, Any]:
    calls = {id_: _call_as_before(call) for id_, call in document.get("calls", {}).items()}
    images, priority = document["images"], document.get("priority", "normal")
    return {
        **document,
        "calls": calls,
        "images": images["image"] if isinstance(images, Mapping) else images,
        "priority": "high" if priority == "urgent" else priority,
    }


def _call_as_before(call: Mapping[str, Any]) -> dict[str, Any]:
    return {**call, "outcome": call.get("outcome", "open").removeprefix(CALLED)}


async def _work() -> None:
    setattr(documents, "_documents", _NextCodec(documents._documents))  # noqa: B010 — nobody else is to replace it
    setattr(reading, "SCHEMA_VERSION", NEXT_VERSION)  # noqa: B010 — a constant, but for this
    settings = Settings.read(os.environ)
    provider = scripted(holds=os.environ["HOLDS"] == "1", concurrency=40)
    async with running_system(settings, [provider], dead_after_s=DEAD_AFTER_S) as system:
        for number in range(int(os.environ["TASKS"])):
            words = (HELD + FREE)[number % 8] if number < 2 * MOST_HELD else FREE[number % 4]
            await system.submit(words, user_id=f"u{number % 5}", n=2 if "pair" in words else 1)
            await asyncio.sleep(SUBMIT_EVERY_S)
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging("WARNING", json_lines=True)
    asyncio.run(_work())
