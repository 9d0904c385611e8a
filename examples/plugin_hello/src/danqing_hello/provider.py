"""The provider `hello`: checks a request, orders pictures, waits for them, hands them over."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

from danqing_hello.studio import Studio
from danqing_plugins import (
    InvalidRequest,
    Job,
    Message,
    ModelInfo,
    PluginContext,
    Prepared,
    Price,
    Problem,
    Provider,
    ProviderInfo,
    Request,
    Result,
    Run,
    Setting,
    Source,
    Text,
)
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

# Each client reads these in its own language; a plain string would be shown as it is.
UNKNOWN = Message(key="unknown_parameter", en="is not known", zh="未知参数")
REQUIRED = Message(key="required", en="is required", zh="必填")
ONE_OF = Message(key="not_among", en="must be one of {allowed}", zh="只能是：{allowed}")
COUNT = Message(key="count_out_of_range", en="must be 1 to {most}", zh="必须在 1 到 {most} 之间")

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "prompt": {"type": "string", "minLength": 1},
        "size": {"type": "string", "enum": list(SIZES), "default": "small"},
        "n": {"type": "integer", "minimum": 1, "maximum": MOST_PICTURES, "default": 1},
    },
    "required": ["prompt"],
    "additionalProperties": False,
}


class HelloProvider(Provider):
    """A provider that needs no key and no network."""

    name = "hello"
    settings = (WORK,)

    def __init__(self) -> None:
        self.called: str = self.name
        self.studio = Studio(work_s=0.5)

    @property
    def info(self) -> ProviderInfo:
        hills = ModelInfo(id="hills", title="Hills", aliases=("hills-1",), parameters=PARAMETERS, price=PRICE)
        return ProviderInfo(name=self.called, title="Hello", models=(hills,), default_model="hills", concurrency=8)

    def configure(self, context: PluginContext) -> None:
        self.called = context.name
        self.studio = Studio(work_s=context.options["work_s"])

    def prepare(self, request: Request) -> Prepared:
        model = self.find_model(request)
        asked = {"size": "small", "n": 1, **request.input}
        problems = [
            Problem(field=name, message=UNKNOWN(), value=asked[name])
            for name in asked.keys() - {"prompt", "size", "n"}
        ]
        if not isinstance(asked.get("prompt"), str) or not asked["prompt"].strip():
            problems.append(Problem(field="prompt", message=REQUIRED()))
        if asked["size"] not in SIZES:
            problems.append(Problem(field="size", message=ONE_OF(allowed=", ".join(SIZES)), value=asked["size"]))
        if type(asked["n"]) is not int or not 1 <= asked["n"] <= MOST_PICTURES:
            problems.append(Problem(field="n", message=COUNT(most=MOST_PICTURES), value=asked["n"]))
        if problems:
            raise InvalidRequest("the request is wrong", problems=problems)
        return Prepared(model=model.id, input=asked, outputs=asked["n"], price=PRICE)

    async def generate(self, job: Job, run: Run) -> Result | None:
        orders = await self._order(job, run)
        for index in run.missing:
            picture = await self._collect(orders[str(index)], run, index, job.outputs)
            await run.deliver(index, Source.from_bytes(picture))
        return Result(usage={"pictures": job.outputs})

    async def _order(self, job: Job, run: Run) -> dict[str, str]:
        """Order what was not ordered before; a process that dies later finds the orders in `run.saved`."""
        orders: dict[str, str] = dict(run.saved.get("orders", {}))
        for index in run.missing:
            if str(index) in orders:
                continue
            async with run.call([index], _fingerprint(job, index)) as call:
                order = await self.studio.order(job.input["prompt"], SIZES[job.input["size"]], index)
                call.request_id = order
                orders[str(index)] = order
                await run.checkpoint({"orders": orders})
        return orders

    async def _collect(self, order: str, run: Run, index: int, images: int) -> bytes:
        while True:
            progress = await self.studio.look(order)
            await run.progress((index + progress.fraction) / images)
            if progress.picture is not None:
                return progress.picture
            await asyncio.sleep(0.1)


def _fingerprint(job: Job, index: int) -> str:
    """Return a hash of what is ordered: it must not show the prompt."""
    return hashlib.sha256(json.dumps([job.model, dict(job.input), index], sort_keys=True).encode()).hexdigest()
