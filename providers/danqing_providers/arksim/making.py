"""Making the pictures of one request: one after the other, each billed in the ledger before anyone hears of it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import attrs

from danqing_providers.arksim.faults import Fault, Plan
from danqing_providers.arksim.ledger import Entry, fingerprint
from danqing_providers.arksim.recipes import Recipe, recipe_of
from danqing_providers.arksim.refusals import ImageError
from danqing_providers.arksim.simulator import Simulator
from danqing_providers.arksim.validation import Order

__all__ = ["Job", "Outcome", "make_images", "usage_of"]

SENTENCES: Mapping[str, str] = {
    "OutputImageSensitiveContentDetected": (
        "The request failed because the output image may contain sensitive information."
    ),
    "InputTextSensitiveContentDetected": (
        "The request failed because the input text may contain sensitive information."
    ),
    "InternalServiceError": "The service encountered an unexpected internal error.",
}


@attrs.frozen(kw_only=True)
class Job:
    """One admitted request. `base_url` is where its links point; `count` is how many pictures it makes."""

    order: Order
    plan: Plan
    count: int
    request_id: str
    client_request_id: str
    key: str = attrs.field(repr=False)
    base_url: str


@attrs.frozen(kw_only=True)
class Outcome:
    """One picture, or why there is none: exactly one of `content` and `error` is set.

    `content` holds the members of the answer's item: `url` or `b64_json`, and what else the model reports.
    """

    index: int
    content: Mapping[str, Any] | None = None
    error: ImageError | None = None


async def make_images(simulator: Simulator, job: Job) -> AsyncIterator[Outcome]:
    """Yield the outcomes in order; nothing after an InternalServiceError."""
    recipe = recipe_of(job.order)
    await asyncio.to_thread(simulator.recipes.write, job.request_id, recipe)
    for index in range(job.count):
        await asyncio.sleep(simulator.config.latency_s)
        fault = job.plan.of_image(index, job.count)
        if fault is not None:
            error = _error_of(fault)
            yield Outcome(index=index, error=error)
            if error.code == "InternalServiceError":
                return
            continue
        content = await _content(simulator, job, recipe, index)
        await simulator.ledger.append([_entry(simulator, job, index)])
        yield Outcome(index=index, content=content)


def usage_of(order: Order, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what is billed: a token is 256 pixels of a picture that was made."""
    made = sum(outcome.content is not None for outcome in outcomes)
    width, height = order.size
    tokens = made * width * height // 256
    usage: dict[str, Any] = {"generated_images": made, "output_tokens": tokens, "total_tokens": tokens}
    if order.model.reports_format:
        usage["input_images"] = len(order.references)
    if order.web_search:
        usage["tool_usage"] = {"web_search": 1}
    return usage


async def _content(simulator: Simulator, job: Job, recipe: Recipe, index: int) -> dict[str, Any]:
    order = job.order
    if order.as_base64:
        picture = await simulator.paint(recipe, index)
        content = {"b64_json": base64.b64encode(picture).decode()}
    else:
        family = order.model.family
        content = {"url": simulator.links.sign(job.base_url, family, job.request_id, index, order.format)}
    if order.model.reports_size:
        content["size"] = _size(order)
    if order.model.reports_format:
        content["output_format"] = order.format
    return content


def _entry(simulator: Simulator, job: Job, index: int) -> Entry:
    prompt = job.order.prompt
    return Entry(
        at=simulator.clock(),
        request_id=job.request_id,
        client_request_id=job.client_request_id,
        model=job.order.model.id,
        prompt=prompt,
        prompt_sha256=hashlib.sha256(prompt.encode()).hexdigest(),
        index=index,
        size=_size(job.order),
        key=fingerprint(job.key),
    )


def _error_of(fault: Fault) -> ImageError:
    code = fault.code or "OutputImageSensitiveContentDetected"
    return ImageError(code=code, message=fault.message or SENTENCES.get(code, "The image could not be generated."))


def _size(order: Order) -> str:
    return f"{order.size[0]}x{order.size[1]}"
