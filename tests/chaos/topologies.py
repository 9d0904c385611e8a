"""On what the suite can run, by the name that its command takes, and what goes wrong there as a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial

import attrs

from tests.chaos.bucket import running_beside_bucket
from tests.chaos.faults import (
    BUCKET_WEIGHTS,
    FAILOVER_WEIGHTS,
    LONGEST_CALL_OF_A_SET_S,
    LONGEST_CALL_S,
    MACHINE_WEIGHTS,
)
from tests.chaos.topology import running_topology
from tests.chaos.two_machines import running_two_machines
from tests.chaos.whole import Whole

__all__ = ["TOPOLOGIES", "Topology"]


@attrs.frozen(kw_only=True)
class Topology:
    """One of them: `run` takes a folder and the system's settings."""

    run: Callable[..., AbstractContextManager[Whole]]
    weights: Mapping[str, int]
    longest_call_s: float = LONGEST_CALL_OF_A_SET_S


TOPOLOGIES: Mapping[str, Topology] = {
    "sentinel": Topology(run=partial(running_topology, "sentinel"), weights=FAILOVER_WEIGHTS),
    "cluster": Topology(run=partial(running_topology, "cluster"), weights=FAILOVER_WEIGHTS),
    "machines": Topology(run=partial(running_two_machines, "sentinel"), weights=MACHINE_WEIGHTS),
    "machines-cluster": Topology(run=partial(running_two_machines, "cluster"), weights=MACHINE_WEIGHTS),
    "bucket": Topology(run=running_beside_bucket, weights=BUCKET_WEIGHTS, longest_call_s=LONGEST_CALL_S),
}
