"""Looks for an order whose id was lost with its answer.

DashScope knows no reference of the client's, and lists the orders of the whole account, of every key and program
that uses it. So time and model alone prove nothing: the one order of a minute may be somebody else's, and its
pictures must not be shown to this task's user. What does prove it is the prompt, which finished orders of some
routes tell (`orig_prompt`). An order is ours when all of this holds:

- it was made while our call was under way, by the service's clock;
- it finished, with exactly our prompt, and with as many outputs as we asked for;
- this process does not know it as another call's;
- no other order of that time fits, and none is left that cannot be judged.

Two tasks of ours with one prompt, sent in the same moment, are both in that list as a rule, and nothing is said.
Only when one of them never arrived, and the other was placed by another process, is that one's order taken for
this one: two tasks then share outputs that were made for the same words, paid for once. Buying once more, the
alternative, would pay twice in all other cases.

An empty list does not prove that nothing was bought: how soon an order is listed is not documented. So "never
placed" is not among the answers.

Source: help.aliyun.com/zh/model-studio/manage-asynchronous-tasks, read 2026-11-28.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Any, Final

import attrs

from danqing_plugins import Job, LostCall, Run
from danqing_plugins.kit.http import Service
from danqing_plugins.kit.polling import Pace
from danqing_plugins.kit.reading import Answer
from danqing_providers.dashscope.answers import OrderState, output_of, sources_of, state_of

__all__ = ["Search"]

PAGE_SIZE: Final = 50
MOST_PAGES: Final = 4
MOST_CANDIDATES: Final = 8
CLOCKS_S: Final = 5.0
"""How far apart the clocks may be read, beside the difference that the answer's `Date` tells."""

LISTED_S: Final = 23 * 3600.0


@attrs.frozen(kw_only=True)
class Search:
    """One search. `known` are ids that this process placed for other calls."""

    service: Service
    run: Run
    job: Job
    lost: LostCall
    pace: Pace
    known: Collection[str]

    async def find(self) -> str | None:
        """Return our order's id; None: it cannot be told. Raises: PluginError, the service does not answer."""
        candidates = await self._candidates()
        if candidates is None or not 1 <= len(candidates) <= MOST_CANDIDATES:
            return None
        ours = []
        for id_ in candidates:
            fits = await self._is_ours(id_)
            if fits is None:
                return None
            if fits:
                ours.append(id_)
        return ours[0] if len(ours) == 1 else None

    async def _candidates(self) -> list[str] | None:
        """Return the ids of the orders of our model and time; None: the list does not tell."""
        sent_s = self.lost.sent_at.timestamp()
        if time.time() - sent_s > LISTED_S:
            return None
        found: list[str] = []
        for page in range(1, MOST_PAGES + 1):
            answer = await self.service.get(
                self.run.session,
                "/tasks/",
                params={"model_name": self.job.model, "page_no": str(page), "page_size": str(PAGE_SIZE)},
            )
            rows = answer.document.get("data")
            if not isinstance(rows, list):
                return None
            ahead_s = answer.answered.now_s - time.time()
            for row in rows:
                made_s, id_ = _made_s(row), row.get("task_id") if isinstance(row, Mapping) else None
                if made_s is None or not isinstance(id_, str):
                    return None
                begins_s = sent_s + ahead_s - CLOCKS_S
                if begins_s <= made_s <= begins_s + self.service.timeout_s + 2 * CLOCKS_S and id_ not in self.known:
                    found.append(id_)
            if page >= _pages(answer.document):
                return found
        return None

    async def _is_ours(self, id_: str) -> bool | None:
        """Say whether order *id_* is ours, once it has ended; None: it does not tell."""
        pause_s = self.pace.first_s
        while True:
            answer = await self.service.get(self.run.session, f"/tasks/{id_}")
            state = state_of(answer.document)
            if state is not OrderState.LIVE:
                break
            await asyncio.sleep(pause_s)
            pause_s = self.pace.after(pause_s)
        if state is not OrderState.SUCCEEDED:
            return None
        prompts = _prompts(answer)
        if not prompts:
            return None
        return prompts == {self.job.input.get("prompt")} and len(sources_of(answer)) == len(self.lost.indexes)


def _made_s(row: Any) -> float | None:
    made_ms = row.get("gmt_create") if isinstance(row, Mapping) else None
    return made_ms / 1000 if isinstance(made_ms, int) else None


def _pages(document: Mapping[str, Any]) -> int:
    total = document.get("total_page")
    return total if isinstance(total, int) else MOST_PAGES + 1


def _prompts(answer: Answer) -> set[str]:
    output = output_of(answer.document)
    results = output.get("results")
    told = [output, *(results if isinstance(results, list) else ())]
    return {
        each["orig_prompt"]
        for each in told
        if isinstance(each, Mapping) and isinstance(each.get("orig_prompt"), str)
    }
