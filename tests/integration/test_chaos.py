"""The chaos suite in little; `make chaos` is the long form, with every step and every kind of fault."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.campaign import Campaign, report, run_campaign
from tests.chaos.verdict import Verdict


class TestChaos:
    async def test_every_promise_is_kept_while_processes_are_killed(self, tmp_path: Path) -> None:
        """Serving processes, MongoDB, Redis and the sandbox die under load: nothing is lost or paid twice."""
        campaign = Campaign(
            directory=tmp_path,
            seconds=16,
            seed=5,
            per_s=4,
            mean_s=2,
            least_completed=0.0,  # so few tasks: one that is cut twice would be more than two of a hundred
            weights={"serving": 5, "sandbox": 1, "redis": 2, "mongod": 2},
        )
        verdict: Verdict = await run_campaign(campaign)
        assert verdict.kept, report(verdict)
        assert verdict.counts["kills"] >= 4
        assert verdict.counts["pictures verified"] >= 20
