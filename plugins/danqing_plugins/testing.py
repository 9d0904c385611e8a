"""The conformance kit: run a provider's own tests against the rules the server holds it to.

    async def test_conforms():
        request = Request(provider="hello", type="image", model=None, input={"prompt": "a hill", "n": 3})
        await check_provider(HelloProvider(), request)

Each `check_*` raises AssertionError with one sentence that names the rule. Nothing here needs a server, a test
framework or the network; what the provider itself calls is the test's to provide.
"""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from danqing_plugins.dialect import gaps_in
from danqing_plugins.errors import InvalidRequest, OutcomeUnknown
from danqing_plugins.models import Job, Prepared, Price, ReferenceData, Request
from danqing_plugins.provider import Provider
from danqing_plugins.recording import RecordedCall, RecordingLog, RecordingRun, require_json

if TYPE_CHECKING:
    import aiohttp

__all__ = [
    "RecordedCall",
    "RecordingLog",
    "RecordingRun",
    "check_cancellation",
    "check_generate",
    "check_info",
    "check_order",
    "check_polling",
    "check_prepare",
    "check_provider",
    "check_resume",
    "job_of",
]

UNKNOWN_MODEL = "danqing-no-such-model"
BETWEEN_POLLS_S = 0.05
PATIENCE_S = 10.0
LONG_TEXT = 40
"""Beside the prompt, texts of the input from this length on (data, signed URLs) are nothing for a log."""


def job_of(provider: Provider, request: Request) -> Job:
    """Return the job that *request* becomes. Raises InvalidRequest as the provider does."""
    prepared = provider.prepare(request)
    return Job(
        task_id=f"{request.provider}_img_test",
        user_id="user_test",
        provider=request.provider,
        type=request.type,
        model=prepared.model,
        input=prepared.input,
        outputs=prepared.outputs,
        kind=prepared.kind,
        references=request.references,
    )


async def check_provider(
    provider: Provider,
    request: Request,
    *,
    session: aiohttp.ClientSession | None = None,
    references: Mapping[str, ReferenceData] | None = None,
) -> None:
    """Run every check; *request* is one the provider takes, best of two or more pictures.

    *provider* is configured and started. `session` is what `run.session` will be, `references` the bytes of
    `request.references` by their `field`.
    """
    check_info(provider)
    check_prepare(provider, request)
    job = job_of(provider, request)
    for check in (check_generate, check_order, check_polling, check_resume, check_cancellation):
        await check(provider, RecordingRun(job=job, http=session, references=references or {}))


def check_info(provider: Provider) -> None:
    """Check what the provider says of itself: names, models, and schemas that are JSON."""
    info = provider.info
    assert info == provider.info, "info differs from one call to the next"
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,31}", info.name), f"name {info.name!r}: lower-case letters, digits, _"
    ids = [model.id for model in info.models]
    assert info.default_model in ids, f"default_model {info.default_model!r} is not among the models {ids}"
    names = [name for model in info.models for name in (model.id, *model.aliases)]
    assert len(set(names)) == len(names), f"an id or alias stands for two models: {sorted(names)}"
    assert info.concurrency >= 1, f"concurrency is {info.concurrency}"
    for model in info.models:
        assert model.types, f"model {model.id!r} takes no task type"
        assert model.lane is None or model.lane in info.lanes, (
            f"model {model.id!r}: no limits for lane {model.lane!r}"
        )
        require_json(model.parameters, f"the parameters of {model.id!r}")
        described = set(model.parameters.get("properties", {}))
        unknown = sorted(set(model.parameters.get("required", ())) - described)
        assert not unknown, f"model {model.id!r} requires {unknown}, which its properties do not describe"
        gaps = [*gaps_in(model.parameters)]
        assert not gaps, f"the parameters of {model.id!r} are no form yet: {'; '.join(gaps[:5])}"


def check_prepare(provider: Provider, request: Request) -> None:
    """Check that *request* is taken as it stands, an unknown model is refused, and strangers' requests are left."""
    before = copy.deepcopy(dict(request.input))
    prepared = provider.danqing_prepare(request=request)
    assert prepared is not None, f"danqing_prepare does not answer for provider {request.provider!r}"
    assert dict(request.input) == before, "prepare changed the request's input; make a new mapping"
    _check_prepared(provider, prepared)
    stranger = attrs.evolve(request, provider=f"not_{request.provider}"[:32])
    assert provider.danqing_prepare(request=stranger) is None, "danqing_prepare answers for another provider"
    try:
        provider.prepare(attrs.evolve(request, model=UNKNOWN_MODEL))
    except InvalidRequest as error:
        fields = [problem.field for problem in error.problems]
        assert "model" in fields, f"the refusal of an unknown model names the fields {fields}, not 'model'"
    else:
        raise AssertionError("prepare takes an unknown model; raise InvalidRequest")


def _check_prepared(provider: Provider, prepared: Prepared) -> None:
    models = [model.id for model in provider.info.models]
    assert prepared.model in models, f"prepare chose the model {prepared.model!r}, which is none of {models}"
    assert prepared.outputs >= 0, f"prepare promises {prepared.outputs} pictures"
    require_json(prepared.input, "Prepared.input")
    for price in (prepared.price, *(model.price for model in provider.info.models)):
        if price is not None:
            _check_price(price)


def _check_price(price: Price) -> None:
    assert re.fullmatch(r"[A-Z]{3}", price.currency), (
        f"a price in {price.currency!r}: three letters, as in ISO 4217"
    )
    assert price.amount_micro >= 0, f"a price of {price.amount_micro} millionths"
    most = price.amount_micro if price.most_micro is None else price.most_micro
    assert most >= price.amount_micro, f"a price of {price.amount_micro} and at most {most} millionths"


async def check_generate(provider: Provider, run: RecordingRun) -> None:
    """Check one whole generation: every picture settled, each under a paid call, and nothing told to the log."""
    assert provider.danqing_generate(job=attrs.evolve(run.job, provider="other"), run=run) is None, (
        "danqing_generate answers for another provider"
    )
    await _generate(provider, run)
    assert not run.missing, f"generate returned while the pictures {run.missing} were missing"
    assert run.pictures or not run.job.outputs, "generate delivered no picture"
    assert not run.delivered_before_call, f"pictures {run.delivered_before_call} came without a paid run.call"
    assert run.calls or run.job.outputs, "generate made no paid run.call"
    left = [call.id for call in run.calls if not call.answered and call.ended_by is None]
    assert not left, f"calls still open after generate: {left}"
    assert not run.unsaved_orders, (
        f"the call for the pictures {run.unsaved_orders} was over before they were delivered, and nothing was "
        "saved: a crash there loses what is paid for; save the service's id with run.checkpoint inside its block"
    )
    _check_discretion(run)


async def check_resume(provider: Provider, run: RecordingRun) -> None:
    """Check what follows a crash after the first picture: only what is missing is made, and asked for."""
    run.holds_after = 1
    await _cut(provider, run, run.held)
    kept = dict(run.pictures)
    second = run.next_attempt()
    if second.missing:
        await _generate(provider, second)
    _require_only_missing(second, settled=run.delivered)
    assert not second.missing, f"after a restart the pictures {second.missing} were not made"
    assert all(second.pictures[index] is source for index, source in kept.items()), "a kept picture was replaced"
    third = second.next_attempt()
    await _generate(provider, third)
    assert not third.calls, "generate made a paid call although no picture was missing"


async def check_order(provider: Provider, run: RecordingRun) -> None:
    """Check what follows a crash right after an order's id was saved: it is asked for, and not placed again.

    A provider that saves no checkpoint inside a call has no orders.
    """
    run.holds_at_order = True
    await _cut(provider, run, run.held)
    await _check_ordered_once(provider, run, "behind the order")


async def _check_ordered_once(provider: Provider, run: RecordingRun, when: str) -> None:
    if not run.ordered.is_set() or not run.missing:
        return
    second = run.next_attempt()
    await _generate(provider, second)
    assert not second.missing, f"after a crash {when} the pictures {second.missing} were not made"
    ordered = {index for call in run.calls if call.resumable for index in call.indexes}
    again = sorted({index for call in second.calls for index in call.indexes} & ordered)
    assert not again, f"after a crash {when} the pictures {again} were ordered and paid for again"


async def check_polling(provider: Provider, run: RecordingRun) -> None:
    """Check what follows a crash soon after an order was placed, while it is asked for: it is not placed again."""
    await _cut(provider, run, run.ordered, BETWEEN_POLLS_S)
    await _check_ordered_once(provider, run, "while an order was asked for")


async def check_cancellation(provider: Provider, run: RecordingRun) -> None:
    """Check that a generation that is cancelled in `run.deliver` ends, as cancelled."""
    run.holds_after = 0
    await _cut(provider, run, run.held)


async def _cut(provider: Provider, run: RecordingRun, at: asyncio.Event, linger_s: float = 0.0) -> None:
    """Cancel a generation *linger_s* after the event *at*; one that ends before is left."""
    working = asyncio.create_task(_generate(provider, run))
    waiting = asyncio.create_task(at.wait())
    await asyncio.wait({working, waiting}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if linger_s and not working.done():
        await asyncio.wait({working}, timeout=linger_s)
    if working.done():
        working.result()
        return
    run.holds_after, run.holds_at_order = None, False  # one that goes on in spite of it shall come to its end
    working.cancel()
    await asyncio.wait({working}, timeout=PATIENCE_S)
    assert working.done(), f"generate still runs {PATIENCE_S:g} s after it was cancelled"
    assert working.cancelled(), "generate swallowed its cancellation; let asyncio.CancelledError pass"


def _require_only_missing(run: RecordingRun, settled: frozenset[int]) -> None:
    again = sorted({index for call in run.calls for index in call.indexes} & settled)
    assert not again, f"after a restart the delivered pictures {again} were paid for again"


async def _generate(provider: Provider, run: RecordingRun) -> None:
    awaitable = provider.danqing_generate(job=run.job, run=run)
    assert awaitable is not None, f"danqing_generate does not answer for provider {run.job.provider!r}"
    try:
        await awaitable
    except OutcomeUnknown as error:
        raise AssertionError(f"generate left the outcome of a call unknown: {error.message}") from error


def _check_discretion(run: RecordingRun) -> None:
    """Check that no text of the input stands in a fingerprint or a log line."""
    texts = {name: value for name, value in run.job.input.items() if isinstance(value, str) and value}
    secrets = [value for name, value in texts.items() if name == "prompt" or len(value) >= LONG_TEXT]
    for call in run.calls:
        assert call.fingerprint, "the fingerprint of a call is empty"
        assert not any(secret in call.fingerprint for secret in secrets), "a fingerprint holds input in plain text"
    for event, fields in run.log.lines:
        told = f"{event} {fields}"
        assert not any(secret in told for secret in secrets), (
            f"a log line of {sorted(fields)} holds text of the input"
        )
