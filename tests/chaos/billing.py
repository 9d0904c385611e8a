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
    """One picture or video that a service would have charged.

    `call_id` is what the caller named the request, empty where the service knows no such name; `answer_ids` are
    what the service itself told of it: the request's id, and the job's.
    """

    at_s: float
    call_id: str
    position: int
    answer_ids: tuple[str, ...] = ()


def read_bills(data_dir: Path) -> Mapping[str, Sequence[Bill]]:
    """Return every bill by its task's nonce; what cost nothing is none.

    A torn last line (killed in the middle of a write) is passed over.
    """
    bills: dict[str, list[Bill]] = defaultdict(list)
    path = data_dir / "sandbox" / "ledger.jsonl"
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        found = _NONCE.search(entry["prompt"])
        if found and entry.get("cost_micro") != 0:
            bill = Bill(
                at_s=datetime.fromisoformat(entry["time"]).timestamp(),
                call_id=entry["client_request_id"],
                position=entry["image_index"],
                answer_ids=tuple(filter(None, (entry["request_id"], entry.get("job")))),
            )
            bills[found[1]].append(bill)
    return bills
