"""Looks for a prediction whose id was lost with its answer.

Replicate knows no reference of the client's, but lists all predictions of the account, the newest first, with their
input. Equal words prove nothing: another program, or the same user twice, may have asked for the same. A seed that
was drawn for this task alone does. So a prediction is ours when all of this holds:

- the task's seed was drawn here, when it was prepared;
- it was created while our call was under way, of the same model, with all that we sent;
- this process does not know it as another call's, and no other one fits.

It was never placed when the list reaches behind our call, which is old enough to be listed, and holds none that
fits, nor one whose input is no longer told (Replicate deletes it after an hour).

Source: replicate.com/docs/reference/http#predictions.list, read 2026-11-28.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from danqing_plugins import NeverPlaced, Run, Unavailable
from danqing_plugins.kit.http import Service
from danqing_providers.replicate import texts

__all__ = ["Search"]

MOST_PAGES: Final = 20
CLOCKS_S: Final = 5.0
"""How far apart the clocks may be read, beside the difference that the answer's `Date` tells."""

LISTED_S: Final = 20.0
"""How old a call must be before an empty list says that it never arrived."""


@attrs.frozen(kw_only=True)
class Search:
    """One search: for a prediction of `model` (and `version`, None for any) with all of `sent` as its input.

    `sent_s` is when the call left, in Unix time, `timeout_s` how long it may have been under way. `known` are ids
    that this process placed for other calls.
    """

    service: Service
    run: Run
    model: str
    version: str | None
    sent: Mapping[str, Any] = attrs.field(repr=False)
    sent_s: float
    timeout_s: float
    known: Collection[str]

    async def find(self) -> Mapping[str, Any] | NeverPlaced | None:
        """Return the prediction as it is listed, or what its absence says; None: it cannot be told.

        Raises:
            Unavailable: it is too soon to tell.
            PluginError: the list cannot be read.
        """
        ours: list[Mapping[str, Any]] = []
        told = True
        page: str | None = "/predictions"
        for _ in range(MOST_PAGES):
            if page is None:
                break
            answer = await self.service.get(self.run.session, page)
            begins_s = self.sent_s + answer.answered.now_s - time.time() - CLOCKS_S
            rows = answer.document.get("results")
            if not isinstance(rows, list):
                return None
            page = _page_after(answer.document.get("next"))
            for row in rows:
                created_s = _created_s(row)
                if created_s is None:
                    return None
                if created_s < begins_s:
                    page = None
                elif created_s <= begins_s + self.timeout_s + 2 * CLOCKS_S:
                    fits = self._fits(row)
                    told = told and fits is not None
                    ours += [row] if fits else []
        if len(ours) == 1 and told:
            return ours[0]
        if ours or not told or page is not None:
            return None
        return self._absent()

    def _absent(self) -> NeverPlaced:
        age_s = time.time() - self.sent_s
        if age_s < LISTED_S:
            raise Unavailable(texts.TOO_SOON(), code="too_soon", retry_after_s=LISTED_S - age_s)
        return NeverPlaced()

    def _fits(self, row: Mapping[str, Any]) -> bool | None:
        """Say whether *row* is what we sent; None: it does not tell."""
        if row.get("model") != self.model or row.get("id") in self.known:
            return False
        if self.version is not None and row.get("version") != self.version:
            return False
        listed = row.get("input")
        if row.get("data_removed") is True or not isinstance(listed, Mapping):
            return None
        return all(listed.get(name) == value for name, value in self.sent.items())


def _page_after(said: Any) -> str | None:
    """Return the path of the next page, whose address at Replicate the list tells; None: there is none."""
    return f"/predictions?{urlsplit(said).query}" if isinstance(said, str) and said else None


def _created_s(row: Any) -> float | None:
    said = row.get("created_at") if isinstance(row, Mapping) else None
    try:
        return datetime.fromisoformat(str(said)).timestamp()
    except ValueError:
        return None
