"""One question to `POST /chat/completions`, and its answer.

The answer is saved inside the paid call: a process that dies behind it does not pay for it again.

Source: `types/chat` of volcengine-ark-runtime 5.0.54, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from danqing_plugins import ContentRejected, Job, Message, OutcomeUnknown, Result, Run
from danqing_plugins.billing import Billed
from danqing_plugins.kit.documents import LARGEST_COUNT, plain
from danqing_plugins.kit.fingerprint import fingerprint_of
from danqing_plugins.kit.http import Service
from danqing_plugins.kit.reading import Answer
from danqing_providers.volcengine.text.models import TextPrices
from danqing_providers.volcengine.text.prepare import messages_of

__all__ = ["complete"]

_SAVED: Final = "answer"
_PASSED_ON: Final = ("temperature", "top_p", "max_tokens")
_LARGEST_SAVED_BYTES: Final = 200 * 1024

_FILTERED: Final = "content_filter"
"""Why there is no text where Ark's filters left it out. What was written until then may have been charged for."""

NO_TEXT: Final = Message(key="ark_no_text", en="Ark answered without a text", zh="方舟的响应中没有文本")
FILTERED: Final = Message(
    key="ark_text_filtered", en="Ark's content filter withheld the text", zh="文本被方舟的内容过滤拦截"
)


async def complete(job: Job, run: Run, service: Service, prices: TextPrices) -> Result:
    """Return the text, asking for it unless an earlier attempt has it.

    Raises:
        PluginError: there is none, and what that means.
    """
    saved = run.saved.get(_SAVED)
    if isinstance(saved, Mapping):
        return Result(output=dict(saved))
    body = {"model": job.model, "messages": messages_of(job.type, job.input)}
    body |= {name: job.input[name] for name in _PASSED_ON if name in job.input}
    async with run.call([], fingerprint_of(job, [])) as call:
        answer = await service.post(run.session, "/chat/completions", body, call=call, prompt=job.input["prompt"])
        call.usage = _usage(answer.document)
        call.cost_micro = prices.cost_of(job.model, call.usage)
        output = _output(answer)
        if len(output["text"].encode()) <= _LARGEST_SAVED_BYTES:
            await run.checkpoint({_SAVED: output})
    return Result(output=output)


def _output(answer: Answer) -> dict[str, str]:
    """Return the text, and why it ends where it does when it was cut."""
    choices = answer.document.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    text = message.get("content") if isinstance(message, Mapping) else None
    reason = choice.get("finish_reason") if isinstance(choice, Mapping) else None
    if not text and reason == _FILTERED:
        raise ContentRejected(FILTERED(), billed=Billed.UNKNOWN, code=_FILTERED, request_id=answer.request_id)
    if not isinstance(text, str):
        raise OutcomeUnknown(NO_TEXT(), code="unreadable_answer", request_id=answer.request_id)
    cut = {"finish_reason": plain(reason)} if isinstance(reason, str) and reason != "stop" else {}
    return {"text": plain(text), **cut}


def _usage(document: Mapping[str, Any]) -> dict[str, int]:
    usage = document.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    return {plain(name): value for name, value in usage.items() if type(value) is int and value <= LARGEST_COUNT}
