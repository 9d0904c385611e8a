"""kill -9 on the way of every provider's task: it completes, and the service was paid once.

Each provider runs through the whole server against its own simulator. The points are the steps that the product
names; what is peculiar to one service (a lost order that can be found) is with its own tests.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from danqing_server.records.tasks import CallOutcome, Status, Task
from danqing_server.settings.server import Settings
from tests.support.provider_process import provider_process
from tests.support.servers import RunningServer
from tests.support.system import MakeSettings, System, running_system, until
from tests.support.whole import bought, only

pytestmark = pytest.mark.kills

PATIENCE_S = 90.0
POINTS = (
    "before:work.send",
    "after:work.send",
    "before:work.deliver",
    "after:work.deliver",
    "before:work.keep",
    "after:work.keep",
    "before:work.conclude",
    "after:work.conclude",
)


@attrs.frozen(kw_only=True)
class Way:
    """What is asked of a provider. `orders`: the service keeps what it was ordered, so that a death costs nothing.

    `bills` are the picture indexes in the service's ledger when it was paid once.
    """

    provider: str
    model: str | None
    fields: Mapping[str, Any]
    bills: tuple[int, ...]
    outputs: int
    type: str = "image"
    orders: bool = True
    settings: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def title(self) -> str:
        """What a test of it is called."""
        return f"{self.provider}-{self.type}"


WAYS = (
    Way(
        provider="dashscope",
        model="wan2.2-t2i-flash",
        fields={"n": 2},
        bills=(0, 1),
        outputs=2,
        settings={"DANQING_DASHSCOPE_POLL_EVERY": "0.1"},
    ),
    Way(provider="jimeng", model="jimeng_t2i_v31", fields={"size": "512x512"}, bills=(0,), outputs=1),
    Way(
        provider="replicate",
        model="black-forest-labs/flux-schnell",
        fields={"num_outputs": 2, "megapixels": "0.25"},
        bills=(0, 1),
        outputs=2,
    ),
    Way(provider="fal", model="fal-ai/flux/schnell", fields={"n": 2, "size": "256x256"}, bills=(0, 1), outputs=2),
    Way(
        provider="comfyui",
        model="text_to_image",
        fields={"n": 2, "width": 128, "height": 64, "seed": 7},
        bills=(0, 1),
        outputs=2,
    ),
    Way(
        provider="volcengine",
        model="doubao-seedance-1-0-pro-fast-251015",
        type="video",
        fields={"resolution": "480p", "duration": 2, "ratio": "16:9", "return_last_frame": True},
        bills=(0,),
        outputs=2,
        settings={"DANQING_VOLCENGINE_VIDEO_POLL_EVERY": "0.1"},
    ),
    Way(provider="gemini", model="gemini-2.5-flash-image", fields={"n": 2}, bills=(0, 0), outputs=2, orders=False),
    Way(
        provider="volcengine",
        model="doubao-seedream-4-0-250828",
        fields={"n": 2, "size": "1280x720"},
        bills=(0, 1),
        outputs=2,
        orders=False,
    ),
    Way(provider="volcengine", model=None, type="text", fields={}, bills=(0,), outputs=0, orders=False),
)
ORDERED = [way for way in WAYS if way.orders]
STEPS = [
    pytest.param(way, point, id=f"{way.title}-{point}")
    for way in WAYS
    for point in POINTS
    if way.outputs or point.endswith(("send", "conclude"))  # a text is neither delivered nor kept
]


def settings_of(make_settings: MakeSettings, sandbox: RunningServer, way: Way) -> Settings:
    """Return a server whose only provider is that of *way*, simulated."""
    return make_settings(**only(way.provider, sandbox), **way.settings)


async def submitted(door: System, way: Way, prompt: str) -> Task:
    """Submit what is asked for. Where an order stands, no policy is asked; elsewhere nothing is bought again."""
    policy = "retry" if way.orders else "fail"
    return await door.submit(prompt, type=way.type, model=way.model, on_ambiguous=policy, **way.fields)


@pytest.mark.parametrize(("way", "point"), STEPS)
async def test_at_a_step(
    make_settings: MakeSettings, own_sandbox: RunningServer, tmp_path: Path, way: Way, point: str
) -> None:
    """Order, delivery, download, finish. What cannot be ordered and was cut says that it may have been billed."""
    settings = settings_of(make_settings, own_sandbox, way)
    prompt = f"a red fox {way.title} {point}"
    armed = tmp_path / "armed"
    armed.write_text(point)
    async with running_system(settings, [], workers=False) as door:
        with provider_process(settings.environment, armed) as first:
            task = await submitted(door, way, prompt)
            await until(lambda: first.poll() is not None, timeout_s=PATIENCE_S, what="its death")
        with provider_process(settings.environment):
            task = await door.finished(task.id, PATIENCE_S)
    paid = await bought(own_sandbox, prompt)
    if way.orders:
        assert (task.status, len(task.kept)) == (Status.COMPLETED, way.outputs), task.error
        assert paid == Counter(way.bills)
    else:
        assert paid.total() <= len(way.bills)
        in_doubt = [call for call in task.calls.values() if call.outcome is CallOutcome.UNKNOWN]
        made = len(task.kept) or int(bool(task.result))
        assert made + len(in_doubt) >= paid.total()


@pytest.mark.parametrize("way", ORDERED, ids=lambda way: way.title)
async def test_between_two_questions(make_settings: MakeSettings, own_sandbox: RunningServer, way: Way) -> None:
    """The order goes on without us, and is asked for again."""
    settings = settings_of(make_settings, own_sandbox, way)
    prompt = f"a red fox {way.title} [sandbox:running=3]"
    async with running_system(settings, [], workers=False) as door:
        with provider_process(settings.environment) as first:
            task = await submitted(door, way, prompt)

            async def is_ordered() -> bool:
                return bool((await door.get(task.id)).saved)

            await until(is_ordered, timeout_s=PATIENCE_S, what="its order")
            os.kill(first.pid, signal.SIGKILL)
        with provider_process(settings.environment):
            task = await door.finished(task.id, PATIENCE_S)
    assert (task.status, len(task.kept)) == (Status.COMPLETED, way.outputs), task.error
    assert await bought(own_sandbox, prompt) == Counter(way.bills)
