"""The provider `hello`: checks a request, orders pictures, waits for them, hands them over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from danqing_hello.studio import Studio
from danqing_plugins import (
    Call,
    Job,
    ModelInfo,
    PluginContext,
    Prepared,
    Price,
    Provider,
    ProviderInfo,
    Request,
    Result,
    Run,
    Setting,
    Source,
    Text,
)
from danqing_plugins.kit.orders import AsyncOrders, Found, Made, Pace, Working
from danqing_plugins.kit.parameters import Choice, Parameters, Prompt, Whole
from danqing_plugins.settings import duration

__all__ = ["HelloProvider"]

SIZES = {"small": 128, "large": 256}
MOST_PICTURES = 4
PRICE = Price(amount_micro=10_000, currency="CNY")

WORK = Setting(
    name="work_s",
    # Variables of plugins begin with DANQING_PLUGIN_: the server then knows that they are none of its own.
    variable="DANQING_PLUGIN_HELLO_WORK_S",
    kind=duration(0, 60),
    default=0.5,
    unit="s",
    help=Text("How long the studio works on a picture.", "画一张图片所用的时间。"),
)

# Each client reads these in its own language. What is checked and what a form shows come of the same lines.
PARAMETERS = Parameters(
    Prompt(most=1000),
    Choice(
        "size",
        title=Text("Size", "尺寸"),
        description=Text("How large the picture is", "图片大小"),
        allowed=tuple(SIZES),
        default="small",
        labels={"small": Text("Small", "小"), "large": Text("Large", "大")},
        group="main",
    ),
    Whole(
        "n",
        title=Text("Pictures", "张数"),
        description=Text("How many pictures are made, each paid for by itself", "图片张数，每张单独计费"),
        least=1,
        most=MOST_PICTURES,
        default=1,
        unit=Text("pictures", "张"),
    ),
)


class HelloProvider(Provider):
    """A provider that needs no key and no network."""

    name = "hello"
    settings = (WORK,)

    def __init__(self) -> None:
        self.called: str = self.name
        self.studio = Studio(work_s=0.5)

    @property
    def info(self) -> ProviderInfo:
        hills = ModelInfo(
            id="hills", title="Hills", aliases=("hills-1",), parameters=PARAMETERS.schema(), price=PRICE
        )
        return ProviderInfo(name=self.called, title="Hello", models=(hills,), default_model="hills", concurrency=8)

    def configure(self, context: PluginContext) -> None:
        self.called = context.name
        self.studio = Studio(work_s=context.options["work_s"])

    def prepare(self, request: Request) -> Prepared:
        model = self.find_model(request)
        fields = PARAMETERS.read(request, model=model.id)
        fields.finish()
        asked = {"size": "small", "n": 1, **fields.given}
        return Prepared(model=model.id, input=asked, outputs=asked["n"], price=PRICE)

    async def generate(self, job: Job, run: Run) -> Result | None:
        return await HelloOrders(self.studio).carry_out(job, run)


@attrs.frozen
class HelloOrders(AsyncOrders):
    """One order for each picture. A process that dies finds them again and orders nothing twice."""

    studio: Studio
    pace = Pace(first_s=0.1, longest_s=0.5)

    def batches(self, job: Job, missing: Sequence[int]) -> Sequence[Sequence[int]]:
        return [[index] for index in missing]

    async def submit(self, job: Job, run: Run, call: Call, indexes: Sequence[int]) -> Mapping[str, Any]:
        order = await self.studio.order(job.input["prompt"], SIZES[job.input["size"]], indexes[0])
        call.request_id = order
        return {"id": order}

    async def poll(self, job: Job, run: Run, order: Mapping[str, Any]) -> Found:
        progress = await self.studio.look(order["id"])
        if progress.picture is None:
            return Working(fraction=progress.fraction)
        return Made(outputs=[Source.from_bytes(progress.picture)], usage={"pictures": 1})
