"""`python -m tests.chaos`: load and mayhem for a while, then a verdict; exits with 1 when a promise was broken."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.chaos.campaign import Campaign, report, run_campaign
from tests.chaos.faults import WEIGHTS


def main() -> int:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("CHAOS_SECONDS", "900")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("CHAOS_SEED", "1")))
    parser.add_argument("--per-second", type=float, default=4.5, help="tasks submitted (%(default)s)")
    parser.add_argument("--mean", type=float, default=3.4, help="seconds between two faults (%(default)s)")
    parser.add_argument("--kinds", default=",".join(WEIGHTS), help="faults, separated by commas (%(default)s)")
    parser.add_argument("--directory", type=Path, help="where everything is kept (a temporary folder)")
    arguments = parser.parse_args()
    directory = arguments.directory or Path(tempfile.mkdtemp(prefix="danqing-chaos-"))
    directory.mkdir(parents=True, exist_ok=True)
    print(f"chaos: {arguments.seconds:.0f} s, seed {arguments.seed}, files in {directory}", flush=True)
    campaign = Campaign(
        directory=directory,
        seconds=arguments.seconds,
        seed=arguments.seed,
        per_s=arguments.per_second,
        mean_s=arguments.mean,
        weights={kind: WEIGHTS[kind] for kind in arguments.kinds.split(",")},
    )
    verdict = asyncio.run(run_campaign(campaign))
    print(report(verdict), flush=True)
    return 0 if verdict.kept else 1


if __name__ == "__main__":
    sys.exit(main())
