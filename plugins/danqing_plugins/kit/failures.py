"""What a service's refusals mean: by its code, then by the HTTP status; and what a broken connection leaves open.

A provider writes its table once, from the vendor's page of error codes:

    FAILURES = Failures(
        service=Text("Acme", "安科"),
        rules=(
            Rule(ContentRejected, codes=("moderation_blocked", re.compile(r".*SensitiveContent.*"))),
            Rule(AccountProblem, codes=("billing_hard_limit_reached",)),
            Rule(RateLimited, statuses=(429,), scope="model"),
        ),
        setting="ACME_ENDPOINT",
    )

The first rule that fits decides; when none does, the status decides as `by_status` says. What the service says is
shown to the task's user without keys, addresses and the prompt (`redaction.readable`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Literal

import aiohttp
import attrs

from danqing_plugins.errors import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    OutcomeUnknown,
    PluginError,
    RateLimited,
    Unavailable,
)
from danqing_plugins.kit import texts
from danqing_plugins.kit.redaction import readable
from danqing_plugins.messages import Text
from danqing_plugins.outcomes import Billed

__all__ = [
    "Answered",
    "Complaint",
    "Failures",
    "Rule",
    "connection_failures",
    "find_complaint",
    "find_refusal",
    "is_its_own",
]

LONGEST_CODE: Final = 100
_REQUEST_IDS: Final = ("request_id", "requestId", "RequestId")
_ENVELOPES: Final = ("Response", "ResponseMetadata")


@attrs.frozen(kw_only=True)
class Answered:
    """The answer a complaint came with, without its body.

    `status` is None for one output's error inside a larger answer. `retry_after_s` is the service's wish; `now_s`
    the Unix time it came, by the service's clock; `base_url` what relative links are relative to. `secrets` and
    `prompt` must not show in a message. `paid` is False for a question (a poll) whose failure costs nothing.
    """

    status: int | None
    request_id: str | None = None
    retry_after_s: float | None = None
    now_s: float = 0.0
    base_url: str = ""
    secrets: tuple[str, ...] = attrs.field(default=(), repr=False)
    prompt: str = attrs.field(default="", repr=False)
    paid: bool = True
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    def naming(self, body: Any) -> Answered:
        """Return this with the request's id of *body*, when the headers had none."""
        if self.request_id is not None or not isinstance(body, Mapping):
            return self
        around = [body, *(body[name] for name in _ENVELOPES if isinstance(body.get(name), Mapping))]
        found = (each[name] for each in around for name in _REQUEST_IDS if isinstance(each.get(name), str))
        return attrs.evolve(self, request_id=next(found, "")[:LONGEST_CODE] or None)


@attrs.frozen
class Complaint:
    """What a service says is wrong. `code` is empty when it named none; `message` is its own words."""

    code: str
    message: str = attrs.field(repr=False)
    body: Any = attrs.field(default=None, repr=False, eq=False)


@attrs.frozen
class Rule:
    """One line of a table: the `error` that an answer means.

    It fits when each of `codes` (exact words, or patterns that the whole code matches), `statuses` and `words` (a
    pattern found in the message, or a function of it) that is given fits; one that gives nothing fits everything.
    `scope` is of `RateLimited`, `certain` of `AccountProblem`, `billed` of the two refusals. `pause_s` is how long
    to wait when the service itself named nothing: seconds, or a function of the answer that returns them. `code`
    takes the place of the service's own; `message` that of its words.
    """

    error: type[PluginError]
    codes: tuple[str | re.Pattern[str], ...] = attrs.field(default=(), kw_only=True)
    statuses: tuple[int, ...] = attrs.field(default=(), kw_only=True)
    words: re.Pattern[str] | Callable[[str], bool] | None = attrs.field(default=None, kw_only=True)
    scope: Literal["provider", "model"] = attrs.field(default="provider", kw_only=True)
    certain: bool = attrs.field(default=True, kw_only=True)
    billed: Billed = attrs.field(default=Billed.NO, kw_only=True)
    pause_s: float | Callable[[Answered], float] | None = attrs.field(default=None, kw_only=True)
    code: str | None = attrs.field(default=None, kw_only=True)
    message: Text | None = attrs.field(default=None, kw_only=True)

    def fits(self, complaint: Complaint, status: int | None) -> bool:
        """Say whether this rule is about *complaint*."""
        if self.codes and not any(_matches(code, complaint.code) for code in self.codes):
            return False
        if self.statuses and status not in self.statuses:
            return False
        if isinstance(self.words, re.Pattern):
            return self.words.search(complaint.message) is not None
        return self.words is None or self.words(complaint.message)

    def wait_s(self, answered: Answered) -> float | None:
        """Return how long to wait: the service's wish before our own guess."""
        if answered.retry_after_s is not None:
            return answered.retry_after_s
        return self.pause_s(answered) if callable(self.pause_s) else self.pause_s


def _matches(wanted: str | re.Pattern[str], code: str) -> bool:
    return code == wanted if isinstance(wanted, str) else wanted.fullmatch(code) is not None


def find_complaint(body: Any, *, refused: bool = True) -> Complaint | None:
    """Return what *body* (JSON) complains of, in the shapes that most services use; None when it does not.

    `{"error": {"code", "message"}}`, `{"error": "text"}`, `{"code", "message"}`, `{"detail": "text"}` or a list of
    `{"msg", "loc"}`, `{"message"}`, and a bare string. An answer that is not *refused* by its status complains with
    `error` alone: the other names may mean something else there. A provider of another shape passes its own
    function.
    """
    if isinstance(body, Mapping):
        error = body.get("error")
        if not _is_nothing(error):
            return _of_error(error, body)
        return _of_refusal(body) if refused else None
    if isinstance(body, str) and refused and body.strip():
        return Complaint("", body, body)
    return None


def find_refusal(body: Any, *, refused: bool = True) -> Complaint | None:
    """Return what *body* complains of when its status *refused*; nothing else is one.

    For services whose jobs have an `error` of their own: a 200 that tells of a failed job is no failed question.
    """
    return find_complaint(body) if refused else None


def is_its_own(message: str) -> bool:
    """Say whether the service said *message* itself, and no gateway that said nothing: for `Rule.words`."""
    return not isinstance(message, Text)


def _is_nothing(error: Any) -> bool:
    """Say whether an `error` is none: absent, false, or an object whose fields are all empty, as relays send it."""
    return not (any(error.values()) if isinstance(error, Mapping) else error)


def _of_error(error: Any, body: Mapping[str, Any]) -> Complaint:
    if not isinstance(error, Mapping):
        return Complaint(_code(body.get("code")), str(error), body)
    code = error.get("code") or error.get("status") or error.get("type")
    return Complaint(_code(code), str(error.get("message") or ""), body)


def _of_refusal(body: Mapping[str, Any]) -> Complaint | None:
    detail = body.get("detail")
    if isinstance(detail, list):
        said = [str(each.get("msg", "")) for each in detail if isinstance(each, Mapping)]
        first = next((each for each in detail if isinstance(each, Mapping)), {})
        return Complaint(_code(first.get("type")), "; ".join(said), body)
    code = _code(body.get("code") or body.get("error_type") or body.get("error_code"))
    message = body.get("message") or detail or body.get("title")
    return Complaint(code, str(message or ""), body) if code or message else None


def _code(value: Any) -> str:
    return str(value)[:LONGEST_CODE] if isinstance(value, str | int) and not isinstance(value, bool) else ""


@attrs.frozen(kw_only=True)
class Failures:
    """The table of one service.

    `service` is how the user knows it; `setting` names what holds its address, for answers that come from somebody
    else. `find(body, refused=…)` finds the complaint in a JSON body: `find_complaint` unless the shape is another.
    """

    service: Text
    rules: tuple[Rule, ...] = ()
    find: Callable[..., Complaint | None] = find_complaint
    setting: str = "the endpoint"

    def meaning_of(self, complaint: Complaint, answered: Answered) -> PluginError:
        """Return what *complaint* means for the task."""
        answered = answered.naming(complaint.body)
        text = self._text(complaint, answered)
        for rule in self.rules:
            if rule.fits(complaint, answered.status):
                return _made(rule, rule.message or text, complaint.code, answered)
        if answered.status is None:
            # One output of a larger answer, which says itself that it was not made.
            return PluginError(text, code=complaint.code or None, request_id=answered.request_id)
        return self.by_status(complaint.code, text, answered)

    def silent(self, answered: Answered) -> PluginError:
        """Return what a refusal means that says nothing of its own. It says nothing of what a question is about."""
        said = texts.GATEWAY_SILENT(service=self.service, status=answered.status)
        meaning = self.meaning_of(Complaint("", said), answered)
        if isinstance(meaning, InvalidRequest) and not answered.paid:
            return Unavailable(meaning.message, request_id=meaning.request_id)
        return meaning

    def by_status(self, code: str, text: str, answered: Answered) -> PluginError:
        """Return what a status means by itself. No code says that a refusal is the account's: none is certain."""
        status, request_id, known = answered.status or 0, answered.request_id, code or None
        if status in (401, 402, 403):
            return AccountProblem(text, certain=False, code=known, request_id=request_id)
        if (status == 404 and not code) or 300 <= status < 400:
            message = texts.NOT_FOUND_ADDRESS if status == 404 else texts.REDIRECTED
            said = message(service=self.service, setting=self.setting)
            return AccountProblem(said, certain=False, request_id=request_id)
        if status == 429:
            return RateLimited(text, code=known, request_id=request_id, retry_after_s=answered.retry_after_s)
        if 400 <= status < 500 and status != 408:
            refused = InvalidRequest(text, code=known, request_id=request_id)
            refused.of_question = not answered.paid
            return refused
        kind = Unavailable if status == 408 or not answered.paid else OutcomeUnknown
        return kind(text, code=known, request_id=request_id, retry_after_s=answered.retry_after_s)

    def unreadable(self, message: str, answered: Answered, *, code: str = "unreadable_answer") -> PluginError:
        """Return the error of an answer that does not tell what became of the call."""
        kind = OutcomeUnknown if answered.paid else Unavailable
        return kind(message, code=code, request_id=answered.request_id)

    def _text(self, complaint: Complaint, answered: Answered) -> str:
        said: str = complaint.message
        if not isinstance(said, Text):  # our own holds nothing that must not be read
            said = readable(said, secrets=answered.secrets, prompt=answered.prompt)
        return said or texts.REFUSED(service=self.service, code=complaint.code or answered.status)


def _made(rule: Rule, text: str, code: str, answered: Answered) -> PluginError:
    known, request_id = rule.code or code or None, answered.request_id
    if issubclass(rule.error, RateLimited):
        wait_s = rule.wait_s(answered)
        return rule.error(text, code=known, request_id=request_id, retry_after_s=wait_s, scope=rule.scope)
    if issubclass(rule.error, Unavailable | OutcomeUnknown):
        return rule.error(text, code=known, request_id=request_id, retry_after_s=rule.wait_s(answered))
    if issubclass(rule.error, AccountProblem):
        return rule.error(text, code=known, request_id=request_id, certain=rule.certain)
    if issubclass(rule.error, InvalidRequest | ContentRejected):
        return rule.error(text, code=known, request_id=request_id, billed=rule.billed)
    return rule.error(text, code=known, request_id=request_id)


@contextmanager
def connection_failures(service: Text, *, request_id: str | None = None, paid: bool = True) -> Iterator[None]:
    """Translate what the connection raises: `Unavailable` when nothing was sent, else `OutcomeUnknown`.

    When it is not *paid* for, nothing can be unknown: everything is `Unavailable`.
    """
    late = OutcomeUnknown if paid else Unavailable
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
        message = texts.NOT_REACHED(service=service, error=type(error).__name__)
        raise Unavailable(message, code="not_reached") from error
    except TimeoutError as error:
        raise late(texts.NO_ANSWER(service=service), code="timeout", request_id=request_id) from error
    except (aiohttp.ClientError, OSError) as error:
        message = texts.CONNECTION_BROKE(service=service, error=type(error).__name__)
        raise late(message, code="connection_lost", request_id=request_id) from error
