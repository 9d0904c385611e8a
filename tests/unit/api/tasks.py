"""Tasks in every status, as the store would return them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from danqing_plugins import OutputKind, Price, Reference, Text
from danqing_server.records.outputs import Asset, Output, OutputState, TaskError
from danqing_server.records.routing import RoutedTarget, TaskRoute
from danqing_server.records.tasks import Attempt, Billed, CallOutcome, CallRecord, Status, Task

__all__ = [
    "NOW",
    "SECRET_URL",
    "failed_picture",
    "kept_asset",
    "kept_picture",
    "make_task",
    "paid_call",
    "routed_task",
    "stored_asset",
]

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SECRET_URL = "https://upstream.example/picture.png?X-Tos-Signature=secret"


def routed_task(status: Status = Status.COMPLETED, **changes: Any) -> Task:
    """Return a task of two pictures, one made by its first target in CNY, the other by its second in USD."""
    targets = [
        RoutedTarget(provider=provider, model="one", input={}, price=Price(amount_micro=amount, currency=currency))
        for provider, amount, currency in (("scripted", 200_000, "CNY"), ("other", 40_000, "USD"))
    ]
    route = TaskRoute(model="poster", targets=tuple(targets), target=1).noting("ServerOverloaded", NOW, target=0)
    calls = [
        paid_call(id="c1", indexes=(0,)),
        paid_call(id="c2", indexes=(1,), outcome=CallOutcome.FAILED_UNBILLED),
        paid_call(id="c3", indexes=(1,), target=1),
    ]
    made: dict[str, Any] = {
        "images": 2,
        "route": route,
        **route.current.fields,
        "outputs": {"0": kept_picture("t", 0), "1": kept_picture("t", 1)},
        "calls": {call.id: call for call in calls},
    }
    return make_task(status=status, **{**made, **changes})


def make_task(task_id: str = "scripted_img_1", status: Status = Status.PENDING, **changes: Any) -> Task:
    """Return a task of one picture; fields by name."""
    task = Task(
        id=task_id,
        user_id="u1",
        type="image",
        provider="scripted",
        model="one",
        input={"prompt": "a cat", "size": "8x8"},
        status=status,
        transition_id="t1",
        created_at=NOW,
        updated_at=NOW,
        images=1,
        price=Price(amount_micro=200_000, currency="CNY"),
    )
    if status is Status.PROCESSING:
        task = attrs.evolve(task, attempt=Attempt(id="a1", worker="w1", started_at=NOW), started_at=NOW, attempts=1)
    if status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED):
        task = attrs.evolve(task, started_at=NOW, completed_at=NOW + timedelta(seconds=5), attempts=1)
    if status is Status.SCHEDULED:
        task = attrs.evolve(task, run_at=NOW + timedelta(hours=1))
    if status in (Status.FAILED, Status.CANCELLED):
        code = "cancelled" if status is Status.CANCELLED else "content_rejected"
        task = attrs.evolve(
            task, error=TaskError(code=code, message=Text("it\nwas refused", "请求\n被拒绝"), request_id="r1")
        )
    if status is Status.COMPLETED:
        task = attrs.evolve(task, outputs={"0": kept_picture(task_id, 0)}, calls={"c1": paid_call()}, progress=1.0)
    return attrs.evolve(task, **changes)


def kept_picture(task_id: str, index: int, **changes: Any) -> Output:
    """Return a picture that is in the storage."""
    asset = stored_asset(OutputKind.IMAGE, index, key=f"{task_id}/{index}-abc.png")
    output = Output(index=index, state=OutputState.KEPT, at=NOW, source_url=SECRET_URL, asset=asset)
    return attrs.evolve(output, **changes)


def stored_asset(kind: OutputKind, index: int = 0, **changes: Any) -> Asset:
    """Return what is known of an output in the storage."""
    asset = Asset(
        key=f"t/{index}-abc.png",
        media_type="image/png",
        width=8,
        height=8,
        size_bytes=70,
        sha256="00" * 32,
        kind=kind,
    )
    return attrs.evolve(asset, **changes)


def kept_asset(kind: OutputKind, index: int = 0, **changes: Any) -> Output:
    """Return an output of any kind that is in the storage."""
    return kept_picture("t", index, asset=stored_asset(kind, index, **changes))


def failed_picture(index: int) -> Output:
    """Return a picture that will not come."""
    error = TaskError(code="content_rejected", message=Text("refused", "被拒绝"), billed=Billed.NO)
    return Output(index=index, state=OutputState.FAILED, at=NOW, error=error)


def paid_call(**changes: Any) -> CallRecord:
    """Return a call that delivered."""
    call = CallRecord(
        id="c1",
        attempt=1,
        indexes=(0,),
        fingerprint="secret-fingerprint",
        sent_at=NOW,
        outcome=CallOutcome.DELIVERED,
        ended_at=NOW,
        usage={"generated_images": 1},
    )
    return attrs.evolve(call, **changes)


def reference(field: str, **where: Any) -> Reference:
    """Return a reference picture."""
    return Reference(field=field, **where)
