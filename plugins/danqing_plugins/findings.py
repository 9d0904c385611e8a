"""What the conformance kit finds of a provider, check by check: for a command that shows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

import attrs

from danqing_plugins.errors import InvalidRequest
from danqing_plugins.models import ReferenceData, Request
from danqing_plugins.provider import Provider
from danqing_plugins.testing import (
    RecordingRun,
    check_cancellation,
    check_cancelled_order,
    check_generate,
    check_info,
    check_lost_answer,
    check_lost_order,
    check_order,
    check_polling,
    check_prepare,
    check_resume,
    job_of,
)

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Finding", "findings_of"]

INFO: Final = "2. Who you are: `info`"
PREPARE: Final = "4. What you take: `prepare`"
GENERATE: Final = "5. Doing it: `generate`"
ORDERS: Final = "Orders that are polled"
RUNS: Final[Mapping[str, tuple[Callable[[Provider, RecordingRun], Awaitable[None]], str]]] = {
    "generate": (check_generate, GENERATE),
    "order": (check_order, ORDERS),
    "polling": (check_polling, ORDERS),
    "lost_order": (check_lost_order, ORDERS),
    "cancel_order": (check_cancelled_order, ORDERS),
    "resume": (check_resume, GENERATE),
    "cancellation": (check_cancellation, GENERATE),
    "lost_answer": (check_lost_answer, GENERATE),
}
"""The checks that carry a job out, each with the heading of docs/plugins.md that explains its rule."""


@attrs.frozen(kw_only=True)
class Finding:
    """What one check found: `failed` is a sentence, None when all is well.

    `read_on` is the heading of docs/plugins.md that explains the rule.
    """

    check: str
    failed: str | None
    read_on: str


async def findings_of(
    provider: Provider,
    request: Request,
    *,
    session: aiohttp.ClientSession | None = None,
    references: Mapping[str, ReferenceData] | None = None,
    generates: bool = True,
) -> list[Finding]:
    """Run every check as `check_provider` does and return what each found, failed or not.

    With *generates* False nothing is ordered: only what the provider says of itself and takes is checked.
    """

    async def said() -> None:
        check_info(provider)

    async def taken() -> None:
        check_prepare(provider, request)

    found = [await _finding("info", said(), INFO), await _finding("prepare", taken(), PREPARE)]
    if not generates or any(finding.failed for finding in found):
        return found
    run = RecordingRun(job=job_of(provider, request), http=session, references=references or {})
    for name, (check, read_on) in RUNS.items():
        found.append(await _finding(name, check(provider, run.anew()), read_on))
    return found


async def _finding(check: str, running: Awaitable[None], read_on: str) -> Finding:
    failed = None
    try:
        await running
    except AssertionError as error:
        failed = str(error)
    except InvalidRequest as error:
        wrong = "; ".join(f"{problem.field}: {problem.message}" for problem in error.problems)
        failed = f"the request was refused: {wrong or error.message}"
    except Exception as error:  # noqa: BLE001 — whatever an author's code raises is a finding
        failed = f"{type(error).__name__}: {error}"
    return Finding(check=check, failed=failed, read_on=read_on)
