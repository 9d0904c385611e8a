"""A hash of what goes out, so that a repeat is recognised and nobody can read it back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import orjson

from danqing_plugins.models import Job

__all__ = ["fingerprint_of"]


def fingerprint_of(job: Job, indexes: Sequence[int]) -> str:
    """Return the fingerprint of the call that asks for the outputs *indexes* of *job*."""
    named = [reference.asset or reference.url for reference in job.references]
    text = orjson.dumps(
        [job.model, dict(job.input), named, list(indexes)], option=orjson.OPT_SORT_KEYS, default=dict
    )
    return hashlib.sha256(text).hexdigest()
