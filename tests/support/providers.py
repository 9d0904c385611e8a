"""A provider whose generation is a function of the test."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable, Mapping

import attrs
from PIL import Image

from danqing_plugins import (
    InvalidRequest,
    Job,
    Limits,
    Message,
    ModelInfo,
    OutputKind,
    Prepared,
    Price,
    Problem,
    Provider,
    ProviderInfo,
    Request,
    Result,
    Run,
    Source,
)

__all__ = ["Generate", "ScriptedProvider", "deliver_all", "picture"]

NO_PROMPT = Message(key="test.no_prompt", en="is required", zh="必填")

Generate = Callable[[Job, Run], Awaitable[Result | None]]


def picture(width: int = 8, height: int = 8) -> bytes:
    """Return a small real PNG."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), (180, 40, 40)).save(file, "PNG")
    return file.getvalue()


async def deliver_all(job: Job, run: Run) -> None:
    """Make every missing picture under one paid call."""
    async with run.call(run.missing, "fingerprint"):
        for index in run.missing:
            await run.deliver(index, Source.from_bytes(picture()))


@attrs.define(eq=False)
class ScriptedProvider(Provider):
    """Takes `{"prompt": …, "n": …}`; `n` 0 is a task without pictures. `jobs` are those that were begun.

    With *lanes* it has a model for each of them, of the lane's name.
    """

    generation: Generate = deliver_all
    name: str = "scripted"
    single_call: bool = False
    kind: OutputKind = OutputKind.IMAGE
    concurrency: int = 8
    lanes: Mapping[str, Limits] = attrs.field(factory=dict)
    currency: str = "CNY"
    reference_fields: tuple[str, ...] = ("image",)
    jobs: list[Job] = attrs.field(factory=list)

    @property
    def info(self) -> ProviderInfo:
        model = ModelInfo(id="one", title="One", types=("image", "text"), aliases=("uno",), kind=self.kind)
        others = [ModelInfo(id=word, title=word, lane=word) for word in self.lanes]
        return ProviderInfo(
            name=self.name,
            title="Scripted",
            models=(model, *others),
            default_model="one",
            reference_fields=self.reference_fields,
            concurrency=self.concurrency,
            lanes=self.lanes,
        )

    def prepare(self, request: Request) -> Prepared:
        model = self.find_model(request)
        prompt = request.input.get("prompt")
        if not isinstance(prompt, str) or not prompt:
            raise InvalidRequest("no prompt", problems=[Problem(field="prompt", message=NO_PROMPT(), value=prompt)])
        return Prepared(
            model=model.id,
            input=dict(request.input),
            outputs=int(request.input.get("n", 1)),
            kind=self.kind,
            single_call=self.single_call,
            price=Price(amount_micro=200_000, currency=self.currency),
        )

    async def generate(self, job: Job, run: Run) -> Result | None:
        self.jobs.append(job)
        return await self.generation(job, run)
