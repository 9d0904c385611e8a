"""What a service's refusals mean, by its preset's codes and statuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    PluginError,
    RateLimited,
    Text,
    Unavailable,
)
from danqing_plugins.billing import Billed
from danqing_plugins.kit.failures import Answered, Complaint, Failures, Rule, find_complaint
from danqing_providers.openai_images.values import Knobs, Preset

__all__ = ["failures_of", "service_of"]


def service_of(preset: Preset) -> Text:
    """Return what users know the service by."""
    title = preset.title
    return Text(title["en"], title["zh"]) if isinstance(title, Mapping) else Text(title, title)


def failures_of(preset: Preset, setting: str) -> Failures:
    """Return the table of *preset*; *setting* names what holds its address."""
    knobs = preset.knobs

    def find(body: Any, *, refused: bool = True) -> Complaint | None:
        complaint = find_complaint(body, refused=refused)
        return None if complaint is None else _by_type(complaint, knobs)

    return _ImageFailures(service=service_of(preset), rules=_rules(knobs), find=find, setting=setting)


@attrs.frozen(kw_only=True)
class _ImageFailures(Failures):
    """Looks at the stage at which moderation refused: a picture that was made may be billed, a request is not.

    OpenAI names it (a recorded answer of 2026-09-20). Whether what it holds back is billed, it does not say.
    """

    def meaning_of(self, complaint: Complaint, answered: Answered) -> PluginError:
        """Return what *complaint* means."""
        meaning = Failures.meaning_of(self, complaint, answered)
        if isinstance(meaning, ContentRejected) and _stage_of(complaint.body) not in (None, "input"):
            meaning.billed = Billed.UNKNOWN
        return meaning


def _stage_of(body: Any) -> object:
    """Return the stage that *body* names, None when it names none."""
    error = body.get("error") if isinstance(body, Mapping) else None
    details = error.get("moderation_details") if isinstance(error, Mapping) else None
    return details.get("moderation_stage") if isinstance(details, Mapping) else None


def _rules(knobs: Knobs) -> tuple[Rule, ...]:
    rules = (
        Rule(ContentRejected, codes=knobs.moderation_codes),
        Rule(AccountProblem, codes=knobs.account_codes),
        Rule(RateLimited, codes=knobs.model_rate_codes, scope="model"),
        Rule(RateLimited, codes=knobs.rate_codes),
        Rule(Unavailable, codes=knobs.unavailable_codes),
        Rule(InvalidRequest, codes=knobs.invalid_codes),
        Rule(AccountProblem, statuses=knobs.account_statuses),
        Rule(Unavailable, statuses=knobs.unavailable_statuses),
    )
    return tuple(rule for rule in rules if rule.codes or rule.statuses)


def _by_type(complaint: Complaint, knobs: Knobs) -> Complaint:
    """Return *complaint* under its `type` where that says that the account is meant, whatever the code.

    OpenAI's 429 of an empty account has the type `insufficient_quota` and one of several codes (its help page on
    429, read 2026-11-28).
    """
    body = complaint.body
    error = body.get("error") if isinstance(body, Mapping) else None
    kind = error.get("type") if isinstance(error, Mapping) else None
    return attrs.evolve(complaint, code=kind) if kind in knobs.account_codes else complaint
