"""The conformance kit: run a provider's own tests against the rules the server holds it to.

    async def test_conforms():
        request = Request(provider="hello", type="image", model=None, input={"prompt": "a hill", "n": 3})
        await check_provider(HelloProvider(), request)

Each `check_*` raises AssertionError with one sentence that names the rule. Nothing here needs a server, a test
framework or the network; what the provider itself calls is the test's to provide.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from danqing_plugins.answer_checks import check_lost_answer
from danqing_plugins.catalogue import Price
from danqing_plugins.cutting import cut, generate
from danqing_plugins.dialect import gaps_in
from danqing_plugins.discretion import require_discretion
from danqing_plugins.errors import InvalidRequest
from danqing_plugins.models import Job, Prepared, ReferenceData, Request
from danqing_plugins.order_checks import (
    check_cancelled_order,
    check_failed_order,
    check_lost_order,
    check_order,
    check_polling,
)
from danqing_plugins.provider import Provider
from danqing_plugins.recording import RecordedCall, RecordingLog, RecordingRun, require_json

if TYPE_CHECKING:
    import aiohttp

__all__ = [
    "RecordedCall",
    "RecordingLog",
    "RecordingRun",
    "check_cancellation",
    "check_cancelled_order",
    "check_failed_order",
    "check_generate",
    "check_info",
    "check_lost_answer",
    "check_lost_order",
    "check_order",
    "check_polling",
    "check_prepare",
    "check_provider",
    "check_resume",
    "job_of",
]

UNKNOWN_MODEL = "danqing-no-such-model"


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
    failing: Request | None = None,
    secrets: Sequence[str] = (),
) -> None:
    """Run every check; *request* is one the provider takes, best of two or more pictures.

    *provider* is configured and started. `session` is what `run.session` will be, `references` the bytes of
    `request.references` by their `field`. *failing* is a request whose order the service takes, and then fails;
    *secrets* are the keys that nothing may tell.
    """
    check_info(provider)
    check_prepare(provider, request)
    run = RecordingRun(job=job_of(provider, request), http=session, references=references or {})
    await check_generate(provider, run.anew(), secrets)
    for check in RUN_CHECKS:
        await check(provider, run.anew())
    if failing is not None:
        failed = attrs.evolve(run, job=job_of(provider, failing))
        await check_failed_order(provider, failed.anew(), secrets)


def check_info(provider: Provider) -> None:
    """Check what the provider says of itself: names, models, and schemas that are JSON."""
    info = provider.info
    assert info == provider.info, "info differs from one call to the next"
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,31}", info.name), f"name {info.name!r}: lower-case letters, digits, _"
    ids = [model.id for model in info.models]
    assert info.default_model in ids, f"default_model {info.default_model!r} is not among the models {ids}"
    names = [name for model in info.models for name in (model.id, *model.aliases)]
    assert len(set(names)) == len(names), f"an id or alias stands for two models: {sorted(names)}"
    places = {info.name: info.concurrency} | {lane: limits.concurrency for lane, limits in info.lanes.items()}
    for lane, concurrency in places.items():
        assert concurrency >= 1, f"lane {lane}: concurrency is {concurrency}"
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
    _check_prices({model.id: model.price for model in provider.info.models}, prepared)


def _check_prices(listed: Mapping[str, Price | None], prepared: Prepared) -> None:
    for id_, price in listed.items():
        _check_price(price, f"the price of {id_!r}")
    _check_price(prepared.price, "Prepared.price")
    own = listed[prepared.model]
    if own is not None:
        assert prepared.price is not None, f"the model {prepared.model!r} has a price, and prepare names none"
        said, wanted = prepared.price.currency, own.currency
        assert said == wanted, f"prepare names a price in {said}, the model {prepared.model!r} one in {wanted}"


def _check_price(price: Price | None, what: str) -> None:
    if price is None:
        return
    least, most = price.amount_micro, price.most_micro
    assert re.fullmatch(r"[A-Z]{3}", price.currency), (
        f"{what} is a price in {price.currency!r}: three letters, as in ISO 4217"
    )
    assert type(least) is int, f"{what} is a price of {least!r} millionths"
    assert least >= 0, f"{what} is a price of {least} millionths"
    assert most is None or (type(most) is int and most >= least), (
        f"{what} is a price of {least} and at most {most!r} millionths"
    )


async def check_generate(provider: Provider, run: RecordingRun, secrets: Sequence[str] = ()) -> None:
    """Check one whole generation: every picture settled, each under a paid call, and nothing told to the log.

    *secrets* are the provider's keys.
    """
    assert provider.danqing_generate(job=attrs.evolve(run.job, provider="other"), run=run) is None, (
        "danqing_generate answers for another provider"
    )
    await generate(provider, run)
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
    require_discretion(run, secrets)
    for call in run.calls:
        require_json(call.usage, "the usage of a call")
        told = call.cost_micro
        assert told is None or (type(told) is int and told >= 0), f"cost_micro of a call is {told!r}"


async def check_resume(provider: Provider, run: RecordingRun) -> None:
    """Check what follows a crash after the first picture: only what is missing is made, and asked for.

    A task without outputs has nothing that could be at hand.
    """
    if not run.job.outputs:
        return
    run.holds_after = 1
    await cut(provider, run, run.held)
    kept = dict(run.pictures)
    second = run.next_attempt()
    if second.missing:
        await generate(provider, second)
    _require_only_missing(second, settled=run.delivered)
    assert not second.missing, f"after a restart the pictures {second.missing} were not made"
    assert all(second.pictures[index] is source for index, source in kept.items()), "a kept picture was replaced"
    third = second.next_attempt()
    await generate(provider, third)
    assert not third.calls, "generate made a paid call although no picture was missing"


async def check_cancellation(provider: Provider, run: RecordingRun) -> None:
    """Check that a generation that is cancelled in `run.deliver` ends, as cancelled."""
    run.holds_after = 0
    await cut(provider, run, run.held)


def _require_only_missing(run: RecordingRun, settled: frozenset[int]) -> None:
    again = sorted({index for call in run.calls for index in call.indexes} & settled)
    assert not again, f"after a restart the delivered pictures {again} were paid for again"


RUN_CHECKS = (
    check_order,
    check_polling,
    check_lost_order,
    check_cancelled_order,
    check_resume,
    check_cancellation,
    check_lost_answer,
)
