"""Magic words: `[sandbox:NAME]` in a prompt makes a fault happen, without the control API.

`[sandbox:NAME=VALUE]` gives the fault a number; `[sandbox:NAME x2]` lets it happen to the first two requests with
that very prompt only, so that a client's retry succeeds.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

import attrs

from danqing_providers.sandbox.fault_rules import parse_fault
from danqing_providers.sandbox.faults import Fault, FaultKind, Target
from danqing_providers.sandbox.journal import Journal, sift
from danqing_providers.sandbox.prompts import prompt_hash
from danqing_providers.sandbox.troubles import Trouble, TroubleKind

__all__ = ["MAGIC_WORDS", "MagicCounts", "MagicWord", "has_magic", "magic_faults"]

_FORM: Final = re.compile(r"\[sandbox:([a-z0-9-]+)(?:=(\d+(?:\.\d+)?))?(?:\s*x(\d+))?\]", re.IGNORECASE)
_PREFIX: Final = re.compile(r"\[sandbox:", re.IGNORECASE)
_FILE_NAME: Final = "magic.jsonl"
_MOST_COUNTED: Final = 10_000


@attrs.frozen(kw_only=True)
class MagicWord:
    """One word: what it does, and the fault it stands for; `value` names the fault's field that a number sets."""

    meaning: str
    kind: FaultKind
    fields: Mapping[str, Any] = attrs.field(factory=dict)
    value: str | None = None
    default: float | None = None

    def fault(self, number: float | None) -> Fault:
        """Return the fault, with *number* or the default in the field that `value` names. Raises: ValueError."""
        chosen = self.default if number is None else number
        fields = {"kind": self.kind, "times": None, **self.fields}
        if self.value is not None and chosen is not None:
            fields[self.value] = chosen if self.value == "seconds" else int(chosen)
        return parse_fault(fields, "prompt")


def _trouble(meaning: str, trouble: TroubleKind, **more: Any) -> MagicWord:
    return MagicWord(meaning=meaning, kind=FaultKind.STATUS, fields={"trouble": trouble} | more)


def _plain(meaning: str, kind: FaultKind, **fields: Any) -> MagicWord:
    return MagicWord(meaning=meaning, kind=kind, fields=fields)


def _numbered(meaning: str, kind: FaultKind, value: str, default: float, **fields: Any) -> MagicWord:
    return MagicWord(meaning=meaning, kind=kind, fields=fields, value=value, default=default)


MAGIC_WORDS: Final[Mapping[str, MagicWord]] = MappingProxyType(
    {
        "fail": _trouble("an internal error, nothing billed", TroubleKind.INTERNAL),
        "unavailable": _trouble("the service is not to be had (503), nothing billed", TroubleKind.UNAVAILABLE),
        "429": _numbered(
            "too many requests, to be tried again after so many seconds (1)",
            FaultKind.STATUS,
            "retry_after_s",
            1,
            trouble=TroubleKind.RATE_LIMITED,
        ),
        "429-minute": _trouble(
            "too many requests, without Retry-After, as Ark answers until the minute is over",
            TroubleKind.RATE_LIMITED,
        ),
        "overloaded": _trouble("the service has too much to do", TroubleKind.OVERLOADED),
        "quota": _trouble("the allowance is used up: no use to retry", TroubleKind.QUOTA),
        "overdue": _trouble("the account owes money", TroubleKind.OVERDUE),
        "not-open": _trouble("the account may not use the model", TroubleKind.MODEL_CLOSED),
        "401": _trouble("the key is not accepted", TroubleKind.KEY_UNKNOWN),
        "unwrapped": _trouble(
            "an internal error without its wrapper, as BytePlus answers", TroubleKind.INTERNAL, unwrapped=True
        ),
        "moderation": _plain("the input is refused", FaultKind.MODERATION, on="input"),
        "moderation-output": _numbered(
            "the output of this index (0) is refused; a job fails so",
            FaultKind.MODERATION,
            "image_index",
            0,
            on="output",
        ),
        "image-error": _numbered(
            "an internal error for the image of this index (0); the rest of a group is not made",
            FaultKind.IMAGE_ERROR,
            "image_index",
            0,
        ),
        "slow": _numbered("the answer comes this many seconds (5) later", FaultKind.LATENCY, "seconds", 5),
        "html502": _plain("502 with an HTML page, as a gateway answers", FaultKind.HTML_502),
        "html403": _plain("403 with an HTML page, as an edge answers that dislikes the prompt", FaultKind.HTML),
        "html503": _numbered(
            "503 with an HTML page, to be tried again after so many seconds (1)",
            FaultKind.HTML,
            "retry_after_s",
            1,
            status=503,
        ),
        "reset": _plain("the connection is reset, nothing billed", FaultKind.RESET_BEFORE_BILLING),
        "reset-after-billing": _plain("billed, then the connection is reset", FaultKind.RESET_AFTER_BILLING),
        "truncate": _plain("billed, then the body is cut in the middle", FaultKind.TRUNCATE),
        "stall": _numbered(
            "billed, then headers and silence for this many seconds (30)", FaultKind.STALL, "seconds", 30
        ),
        "trickle": _numbered(
            "billed, then one byte of the body every so many seconds (1)", FaultKind.SLOW, "seconds", 1, on="answer"
        ),
        "stream-error": _numbered(
            "a stream's `error` event in place of the image of this index (0)",
            FaultKind.STREAM_ERROR,
            "image_index",
            0,
        ),
        "stream-cut": _numbered(
            "a stream is cut in place of the image of this index (0), which is billed",
            FaultKind.STREAM_CUT,
            "image_index",
            0,
        ),
        "stream-no-done": _plain("a stream ends without `data: [DONE]`", FaultKind.STREAM_NO_DONE),
        "stream-no-completed": _plain("a stream ends without the `completed` event", FaultKind.STREAM_NO_COMPLETED),
        "reference-timeout": _plain(
            "a picture of the request could not be fetched in time", FaultKind.DOWNLOAD_TIMEOUT_REFERENCE
        ),
        "reference-503": _trouble("a picture of the request answered with 503", TroubleKind.REFERENCE_AWAY),
        "download-status": _numbered(
            "the picture's link answers this status (403)", FaultKind.DOWNLOAD_STATUS, "status", 403
        ),
        "download-truncate": _plain("the picture's link gives half of its bytes", FaultKind.DOWNLOAD_TRUNCATE),
        "download-slow": _numbered(
            "the picture's link gives one byte every so many seconds (1)",
            FaultKind.SLOW,
            "seconds",
            1,
            on="download",
        ),
        "link-late": _numbered(
            "the picture's link is 404 until it is so many seconds (2) old",
            FaultKind.DOWNLOAD_LATE,
            "seconds",
            2,
        ),
        "link-dies": _numbered(
            "the picture's link is 404 from this age in seconds (0) on", FaultKind.DOWNLOAD_DIES, "seconds", 0
        ),
        "link-slow": _numbered(
            "the picture's link takes this many seconds (5) in all", FaultKind.DOWNLOAD_TRICKLE, "seconds", 5
        ),
        "link-html": _plain("the picture's link gives 200 and an HTML page", FaultKind.DOWNLOAD_HTML),
        "answer-status": _numbered(
            "the usual answer with this status (202; 201)", FaultKind.ANSWER_STATUS, "status", 202
        ),
        "bom": _plain("the usual answer behind a byte-order mark", FaultKind.ANSWER_BOM),
        "answer-length": _numbered(
            "the usual answer, announced as so many bytes (2) longer than it is",
            FaultKind.ANSWER_LENGTH,
            "extra_bytes",
            2,
        ),
        "mislabelled": _plain(
            "the usual answer with a stream's `Content-Type`, a stream with that of JSON", FaultKind.ANSWER_TYPE
        ),
        "bytes": _plain("`b64_json` in place of the link", FaultKind.ANSWER_BYTES, form="alone"),
        "both": _plain("`b64_json` beside a link that does not work", FaultKind.ANSWER_BYTES, form="with_link"),
        "base64-lines": _plain("`b64_json` in lines of 76 characters", FaultKind.ANSWER_BYTES, form="lines"),
        "base64-unpadded": _plain("`b64_json` without its `=`", FaultKind.ANSWER_BYTES, form="unpadded"),
        "relative": _plain("links without a server: `/doubao-...`", FaultKind.ANSWER_LINKS, form="path"),
        "hostless": _plain("links without a scheme: `//host/...`", FaultKind.ANSWER_LINKS, form="host"),
        "stream-sample": _plain(
            "a stream as Ark's page shows it: the lines after `data: {` have no `data:`", FaultKind.STREAM_SAMPLE
        ),
        "garbled": _plain("billed, then a body that is no JSON", FaultKind.GARBLED),
        "queued": _numbered("a job waits so many seconds (10)", FaultKind.JOB_QUEUED, "seconds", 10),
        "running": _numbered("a job takes so many seconds (10)", FaultKind.JOB_RUNNING, "seconds", 10),
        "job-fails": _plain("a job ends with an internal error, nothing billed", FaultKind.JOB_FAILS),
        "job-expires": _plain("a job is never begun and expires", FaultKind.JOB_EXPIRES),
        "poll-fail": _plain("asking for a job's state gives an internal error", FaultKind.POLL_STATUS),
        "poll-429": _numbered(
            "asking for a job's state is too many requests, to be tried again after so many seconds (1)",
            FaultKind.POLL_STATUS,
            "retry_after_s",
            1,
            trouble=TroubleKind.RATE_LIMITED,
        ),
    }
)


UNKNOWN_WORD: Final = (
    "unknown sandbox word; docs/sandbox.md and the sandbox's GET /sandbox list those that there are"
)
"""It names none: of a list that has them all, a provider may read what only a real service's refusal would mean."""


def has_magic(prompt: str) -> bool:
    """Say whether there is any word in *prompt*."""
    return _PREFIX.search(prompt) is not None


def magic_faults(prompt: str) -> list[tuple[str, Fault]]:
    """Return the words in *prompt* with their faults. Raises: Trouble for an unknown word."""
    if not has_magic(prompt):
        return []
    found = list(_FORM.finditer(prompt))
    if len(found) < len(_PREFIX.findall(prompt)) or any(match[1].lower() not in MAGIC_WORDS for match in found):
        raise Trouble(TroubleKind.INVALID, UNKNOWN_WORD, param="prompt")
    return [(match[0], _fault(match)) for match in found]


def _fault(match: re.Match[str]) -> Fault:
    try:
        fault = MAGIC_WORDS[match[1].lower()].fault(float(match[2]) if match[2] else None)
    except ValueError as error:
        raise Trouble(TroubleKind.INVALID, f"{match[0]}: {error}", param="prompt") from error
    return attrs.evolve(fault, times=int(match[3])) if match[3] else fault


class MagicCounts:
    """The file `magic.jsonl`: which words with a count have struck, for the last ten thousand prompts with one."""

    def __init__(self, data_dir: Path) -> None:
        self._struck: OrderedDict[tuple[str, str], int] = OrderedDict()
        path = data_dir / _FILE_NAME
        sift(path, lambda entries: entries[-_MOST_COUNTED:])
        self._journal = Journal(path, durable=False)
        for _, _, entry in self._journal.read_all():
            self._note((str(entry["prompt_sha256"]), str(entry["word"])))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._journal.__aexit__(*exc)

    def take(
        self,
        kinds: Collection[FaultKind],
        target: Target,
        image_index: int | None = None,
        stage: str | None = None,
    ) -> Fault | None:
        """Return the first fault of *kinds* that the prompt names and that still strikes; None without one."""
        for word, fault in magic_faults(target.prompt):
            if fault.kind not in kinds or (stage is not None and fault.stage not in (None, stage)):
                continue
            if fault.matches(target, image_index) and self._count(target.prompt, word, fault.times):
                return fault
        return None

    def _count(self, prompt: str, word: str, times: int | None) -> bool:
        if times is None:
            return True
        name = (prompt_hash(prompt), word)
        if self._struck.get(name, 0) >= times:
            return False
        self._journal.append_now([{"prompt_sha256": name[0], "word": word}])
        self._note(name)
        return True

    def _note(self, name: tuple[str, str]) -> None:
        self._struck[name] = self._struck.get(name, 0) + 1
        self._struck.move_to_end(name)
        if len(self._struck) > _MOST_COUNTED:
            self._struck.popitem(last=False)
