"""`python -m tests.chaos`: a death at every step, then load and mayhem for a while; 1 when a promise was broken."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.campaign import Campaign, run_campaign
from tests.chaos.faults import WEIGHTS
from tests.chaos.machines import NotPossible
from tests.chaos.report import report
from tests.chaos.steps import all_points, run_steps
from tests.chaos.topologies import TOPOLOGIES
from tests.chaos.traffic import BRIEF, KINDS
from tests.chaos.verdict import Verdict

NOT_RUN = 2
_TOPOLOGY_HELP = """three MongoDB members, and this kind of Redis; `machines`: Sentinel on two, which needs root;
`bucket`: one of each, and pictures in an S3 that goes wrong"""


def main() -> int:
    """Read the arguments, run, report; 2 where this machine cannot be two."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("CHAOS_SECONDS", "900")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("CHAOS_SEED", "1")))
    parser.add_argument("--per-second", type=float, default=4.5, help="tasks submitted (%(default)s)")
    parser.add_argument("--mean", type=float, default=4.0, help="seconds between two faults (%(default)s)")
    parser.add_argument("--quiet", type=float, help="seconds without faults at first (a quarter, at most 40)")
    parser.add_argument("--kinds", help="faults, separated by commas (all that can be there)")
    parser.add_argument("--steps", default="", help="only the steps that begin with this; `none` for no such pass")
    parser.add_argument("--topology", choices=[*TOPOLOGIES], help=_TOPOLOGY_HELP)
    parser.add_argument("--brief", action="store_true", help="without tasks that end by their time limit alone")
    parser.add_argument("--processes", type=int, default=2, help="serving processes, on each machine (%(default)s)")
    parser.add_argument("--directory", type=Path, help="where everything is kept (a temporary folder)")
    arguments = parser.parse_args()
    directory = arguments.directory or Path(tempfile.mkdtemp(prefix="danqing-chaos-"))
    directory.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that nothing is left running
    print(f"chaos: {arguments.seconds:.0f} s, seed {arguments.seed}, files in {directory}", flush=True)
    weights = TOPOLOGIES[arguments.topology].weights if arguments.topology else WEIGHTS
    campaign = Campaign(
        directory=directory,
        seconds=arguments.seconds,
        seed=arguments.seed,
        per_s=arguments.per_second,
        mean_s=arguments.mean,
        quiet_s=min(40.0, arguments.seconds / 4) if arguments.quiet is None else arguments.quiet,
        kinds=BRIEF if arguments.brief else KINDS,
        topology=arguments.topology,
        processes=arguments.processes,
        weights={kind: weights[kind] for kind in (arguments.kinds or ",".join(weights)).split(",")},
    )
    kept = True
    if points := all_points(arguments.steps):
        stepping = directory / "steps"
        stepping.mkdir(exist_ok=True)
        kept = _tell(asyncio.run(run_steps(stepping, points, arguments.seed)))
    if arguments.seconds:
        try:
            kept = _tell(asyncio.run(run_campaign(campaign))) and kept
        except NotPossible as error:
            print(f"chaos: not run: {error}", flush=True)
            return NOT_RUN
    return 0 if kept else 1


def _tell(verdict: Verdict) -> bool:
    print(report(verdict), flush=True)
    return verdict.kept


if __name__ == "__main__":
    sys.exit(main())
