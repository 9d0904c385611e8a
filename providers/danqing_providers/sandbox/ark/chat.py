"""`POST /api/v3/chat/completions`: a canned answer, the same for the same question.

A question that asks for a translation is answered with its text and the language's mark; any other with an echo.
Tokens are counted roughly: a Chinese character, or four letters, is one. Prices of text are not known: the ledger
has none.

Source: `types/chat` of volcengine-ark-runtime 5.0.54 (fields of answers and chunks); read 2026-11-28. The texts
about mistakes are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
import orjson
from aiohttp import web

from danqing_providers.sandbox.ark import errors
from danqing_providers.sandbox.ark.errors import worded
from danqing_providers.sandbox.ark.fields import flag, integer, mapping, parse_body, text
from danqing_providers.sandbox.ark.keys import CLIENT_REQUEST_ID, REQUEST_ID
from danqing_providers.sandbox.ark.studio import Studio
from danqing_providers.sandbox.faults import Target
from danqing_providers.sandbox.ledger import Purchase

__all__ = ["answer_to", "complete", "count_tokens"]

_MODEL: Final = re.compile(
    r"(?!.*(?:seedream|seededit|seedance))[a-z][a-z0-9.-]*-\d{6}|ep-[a-z0-9-]+", re.IGNORECASE
)
_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})
_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")
_TRANSLATE: Final = re.compile(r"translat|翻译|译成|译为", re.IGNORECASE)
_TO_CHINESE: Final = re.compile(r"(?:to|into)\s+(?:simplified\s+)?chinese|[成为]中文|[成为]汉语", re.IGNORECASE)
_PIECE: Final = 6
_MOST_TOKENS: Final = 65_536
_DONE: Final = b"data: [DONE]\n\n"


@attrs.frozen(kw_only=True)
class _Question:
    model: str
    system: str
    prompt: str = attrs.field(repr=False)
    all_text: str = attrs.field(repr=False)
    most_tokens: int
    stream: bool
    with_usage: bool
    as_json: bool


@attrs.frozen(kw_only=True)
class _Answer:
    content: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int

    @property
    def usage(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }


async def complete(studio: Studio, request: web.Request) -> web.StreamResponse:
    """Answer with the whole answer, or with its pieces as a stream. Billed before the first byte is sent."""
    house = studio.house
    key = studio.check_key(request)
    question = _read(parse_body(await request.read()))
    target = Target(prompt=question.prompt, models=(question.model,), dialect="ark")
    await house.admit(request, target)
    await house.take_time()
    if trouble := house.output_trouble(target, 0):
        raise worded(trouble)
    answer = _answer(question)
    bought = Purchase(
        time_s=house.clock(),
        dialect="ark",
        kind="text",
        model=question.model,
        prompt=question.prompt,
        request_id=request[REQUEST_ID],
        client_request_id=request[CLIENT_REQUEST_ID],
        api_key=key,
        quantity=answer.prompt_tokens + answer.completion_tokens,
        unit="token",
    )
    await house.bill([bought])
    shown = {"id": request[REQUEST_ID], "model": question.model, "created": int(house.clock())}
    if question.stream:
        events = _chunks(question, answer, shown)
        return await house.stream(request, target, events, delivers=[bought.request_id])
    message = {"role": "assistant", "content": answer.content}
    choice = {"index": 0, "finish_reason": answer.finish_reason, "logprobs": None, "message": message}
    whole = {"object": "chat.completion", "choices": [choice], "usage": answer.usage, "service_tier": "default"}
    return await house.answer(request, target, orjson.dumps(shown | whole), delivers=[bought.request_id])


def _read(body: Mapping[str, Any]) -> _Question:
    model = text(body, "model")
    if not model:
        raise errors.missing_parameter("model")
    if not _MODEL.fullmatch(model):
        raise errors.model_not_found(model)
    messages = body.get("messages")
    if not messages:
        raise errors.missing_parameter("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise errors.invalid_parameter("messages", "expected an array of objects")
    said = [_said(message) for message in messages]
    asked = [words for role, words in said if role == "user"]
    if not asked:
        raise errors.invalid_parameter("messages", "a message of the role user is needed")
    has_limit = "max_tokens" in body
    return _Question(
        model=model,
        system="\n".join(words for role, words in said if role == "system"),
        prompt=asked[-1],
        all_text="\n".join(words for _, words in said),
        most_tokens=integer(body, "max_tokens", "max_tokens", 1, _MOST_TOKENS) if has_limit else _MOST_TOKENS,
        stream=flag(body, "stream", default=False),
        with_usage=flag(mapping(body, "stream_options"), "include_usage", default=False),
        as_json=mapping(body, "response_format").get("type") in ("json_object", "json_schema"),
    )


def _said(message: Mapping[str, Any]) -> tuple[str, str]:
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        raise errors.invalid_parameter("messages.role", f"must be one of {', '.join(sorted(_ROLES))}")
    if isinstance(content, str) or content is None:
        return str(role), content or ""
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise errors.invalid_parameter("messages.content", "expected a string or an array of objects")
    return str(role), "\n".join(str(part.get("text", "")) for part in content if part.get("type") == "text")


def _answer(question: _Question) -> _Answer:
    content = answer_to(question.prompt, question.system)
    if question.as_json:
        content = orjson.dumps({"text": content}).decode()
    finish_reason = "stop"
    if count_tokens(content) > question.most_tokens:
        content, finish_reason = _shortened(content, question.most_tokens), "length"
    return _Answer(
        content=content,
        finish_reason=finish_reason,
        prompt_tokens=count_tokens(question.all_text),
        completion_tokens=count_tokens(content),
    )


def answer_to(prompt: str, system: str = "") -> str:
    """Return the answer to *prompt*, asked under the instruction *system*."""
    if not _TRANSLATE.search(system + prompt):
        return f"模拟回答：{prompt}" if _CHINESE.search(prompt) else f"A sandbox's answer to: {prompt}"
    to_chinese = _TO_CHINESE.search(system + prompt) is not None
    return f"【译文】{prompt}" if to_chinese else f"[translated] {prompt}"


def count_tokens(words: str) -> int:
    """Return about how many tokens *words* are, at least 1."""
    chinese = len(_CHINESE.findall(words))
    return max(1, chinese + (len(words) - chinese + 3) // 4)


def _shortened(content: str, most_tokens: int) -> str:
    end = len(content)
    while end > 1 and count_tokens(content[:end]) > most_tokens:
        end -= 1
    return content[:end]


def _chunks(question: _Question, answer: _Answer, shown: Mapping[str, Any]) -> Iterator[bytes]:
    pieces = [answer.content[at : at + _PIECE] for at in range(0, len(answer.content), _PIECE)]
    for number, piece in enumerate(pieces):
        delta = {"role": "assistant", "content": piece}
        reason = answer.finish_reason if number == len(pieces) - 1 else None
        yield _chunk(shown, [{"index": 0, "delta": delta, "finish_reason": reason}])
    if question.with_usage:
        yield _chunk(shown, [], usage=answer.usage)
    yield _DONE


def _chunk(shown: Mapping[str, Any], choices: Sequence[Mapping[str, Any]], **more: Any) -> bytes:
    body = {**shown, "object": "chat.completion.chunk", "choices": choices, **more}
    return b"data: %b\n\n" % orjson.dumps(body)
