"""What comes back: pictures among words, thoughts and drafts, or a refusal with status 200.

Source: ai.google.dev/gemini-api/docs/image-generation and /safety-settings, google-genai 3.6.1, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from danqing_plugins import ContentRejected, InvalidRequest, OutcomeUnknown, PluginError
from danqing_plugins.billing import Billed
from danqing_providers.gemini import texts
from danqing_providers.gemini.models import Model

__all__ = ["cost_of", "picture_of", "usage_of", "why_none"]

_REFUSALS: Final = frozenset(
    {
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "PROHIBITED_CONTENT",
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "SPII",
        "LANGUAGE",
    }
)


def _candidate(document: Mapping[str, Any]) -> Mapping[str, Any]:
    candidates = document.get("candidates")
    first = candidates[0] if isinstance(candidates, list) and candidates else None
    return first if isinstance(first, Mapping) else {}


def picture_of(document: Mapping[str, Any]) -> str | None:
    """Return the picture in base64: the last that is no thought, since drafts come before it; None without one."""
    content = _candidate(document).get("content")
    parts = content.get("parts") if isinstance(content, Mapping) else None
    found = None
    for part in parts if isinstance(parts, list) else ():
        data = part.get("inlineData") if isinstance(part, Mapping) and not part.get("thought") else None
        if isinstance(data, Mapping) and isinstance(data.get("data"), str) and data["data"]:
            found = data["data"]
    return found


def why_none(document: Mapping[str, Any], attempt: int) -> PluginError:
    """Return what an answer without a picture means. One that only talked is asked once more, no more.

    No page says whether a refusal is charged; words and thoughts are. So none is called free.
    """
    feedback = document.get("promptFeedback")
    request_id = str(document.get("responseId") or "") or None
    if isinstance(feedback, Mapping) and feedback.get("blockReason"):
        reason = str(feedback["blockReason"])[:60]
        return _blocked(reason, request_id)
    reason = str(_candidate(document).get("finishReason") or "NO_CANDIDATE")[:60]
    if reason in _REFUSALS:
        return _blocked(reason, request_id)
    message = texts.NO_PICTURE(reason=reason)
    if attempt == 1 and reason != "MAX_TOKENS":
        return OutcomeUnknown(message, code=reason, request_id=request_id)
    return InvalidRequest(message, code=reason, request_id=request_id, billed=Billed.UNKNOWN)


def _blocked(reason: str, request_id: str | None) -> ContentRejected:
    message = texts.BLOCKED(reason=reason)
    return ContentRejected(message, code=reason, request_id=request_id, billed=Billed.UNKNOWN)


def usage_of(document: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts of tokens."""
    usage = document.get("usageMetadata")
    if not isinstance(usage, Mapping):
        return {}
    return {str(name): count for name, count in usage.items() if type(count) is int}


def cost_of(document: Mapping[str, Any], model: Model) -> int | None:
    """Return what the tokens cost that the answer counts, in millionths of USD; None: it does not count them.

    The picture's are among the candidates', which have none of the thoughts'.
    """
    usage, tokens = usage_of(document), _image_tokens(document)
    if tokens is None and (picture_of(document) is not None or not usage):
        return None
    drawn = tokens or 0
    said = max(0, usage.get("candidatesTokenCount", 0) - drawn) + usage.get("thoughtsTokenCount", 0)
    read = usage.get("promptTokenCount", 0)
    return max(0, round(drawn * model.token_micro + said * model.word_micro + read * model.read_micro))


def _image_tokens(document: Mapping[str, Any]) -> int | None:
    usage = document.get("usageMetadata")
    details = usage.get("candidatesTokensDetails") if isinstance(usage, Mapping) else None
    counts = [
        each.get("tokenCount")
        for each in (details if isinstance(details, list) else ())
        if isinstance(each, Mapping) and each.get("modality") == "IMAGE"
    ]
    return next((count for count in counts if type(count) is int), None)
