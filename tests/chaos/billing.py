"""What was really paid: the sandbox's ledger, read from its disk after everything."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import attrs

__all__ = ["Bill", "read_bills"]

_NONCE = re.compile(r"chaos ([0-9a-f]{16})")


@attrs.frozen(kw_only=True)
class Bill:
    """One picture that Ark would have charged. `call_id` is what the caller named the request."""

    at_s: float
    request_id: str
    call_id: str
    position: int


def read_bills(data_dir: Path) -> Mapping[str, Sequence[Bill]]:
    """Return every bill by its task's nonce. A torn last line (killed in the middle of a write) is passed over."""
    bills: dict[str, list[Bill]] = defaultdict(list)
    path = data_dir / "sandbox" / "ledger.jsonl"
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        found = _NONCE.search(entry["prompt"])
        if found:
            bill = Bill(
                at_s=datetime.fromisoformat(entry["time"]).timestamp(),
                request_id=entry["request_id"],
                call_id=entry["client_request_id"],
                position=entry["image_index"],
            )
            bills[found[1]].append(bill)
    return bills
