"""What must not be told: the prompt, keys, signed links and data stand in no log line, fingerprint or error."""

from __future__ import annotations

import re
from collections.abc import Sequence

from danqing_plugins.errors import PluginError
from danqing_plugins.recording import RecordingRun

__all__ = ["require_discretion"]

LONG_TEXT = 40
"""Beside the prompt, texts of the input from this length on (data, signed URLs) are nothing for a log."""
_SIGNED = re.compile(r"https?://[^\s'\"]+\?[^\s'\"]*(sign|sig=|token=|credential|expires=|key=)", re.IGNORECASE)


def require_discretion(run: RecordingRun, secrets: Sequence[str] = (), error: PluginError | None = None) -> None:
    """Check everything that *run*, and the *error* that ended it, told. *secrets* are the provider's keys."""
    hidden = [*secrets, *_texts_of(run)]
    for call in run.calls:
        assert call.fingerprint, "the fingerprint of a call is empty"
        _require(call.fingerprint, hidden, "a fingerprint")
    hidden += [source.url for source in run.pictures.values() if source.url is not None]
    for event, fields in run.log.lines:
        _require(f"{event} {fields}", hidden, f"a log line of {sorted(fields)}")
    for raised in (*run.rejected.values(), *([] if error is None else [error])):
        _require(f"{raised.message} {raised.code} {raised.request_id}", hidden, f"the error {raised.code!r}")


def _texts_of(run: RecordingRun) -> list[str]:
    texts = [(name, value) for name, value in run.job.input.items() if isinstance(value, str) and value]
    return [value for name, value in texts if name == "prompt" or len(value) >= LONG_TEXT]


def _require(told: str, hidden: Sequence[str], where: str) -> None:
    assert not any(secret in told for secret in hidden), f"{where} holds input, a key or a link in plain text"
    assert not _SIGNED.search(told), f"{where} holds a signed link"
