"""Processes whose counts have no room on the disk: they live, and tell all once there is some."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.disks import fill_but, small_disk

KINDS = 900  # of errors: more than what one page, and what the file's first 64 KiB, take

PROGRAM = f"""
import sys
from danqing_server.log import configure_logging
from danqing_server.telemetry.meters import open_meters

configure_logging("CRITICAL")
meters = open_meters({{"PROMETHEUS_MULTIPROC_DIR": sys.argv[1]}})
count = lambda: meters.count("step_failures", "work.keep", "an error that was there before")
count()
meters.flush()
shown = lambda: meters.expose([], "").body.decode()
print(shown().count("danqing_step_failures_total{{"), flush=True)
input()
for number in range({KINDS}):
    meters.count("step_failures", "work.keep", f"error {{number}}")
count()
meters.flush()
print(shown().count("danqing_step_failures_total{{"), 'before",step="work.keep"}} 2.0' in shown(), flush=True)
input()
meters.flush()
print(shown().count("danqing_step_failures_total{{"), flush=True)
"""


def test_a_full_disk_costs_no_process(tmp_path: Path) -> None:
    """What was counted before goes on, what is new waits for room; none is killed by the system."""
    with small_disk(tmp_path / "disk", 1) as disk:
        (disk / "counts").mkdir()
        command = [sys.executable, "-c", PROGRAM, str(disk / "counts")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "1\n"
            filler = fill_but(disk, 0)
            process.stdin.write("\n")
            process.stdin.flush()
            seen, goes_on = process.stdout.readline().split()
            filler.unlink()
            process.stdin.write("\n")
            process.stdin.flush()
            after = process.stdout.readline()
        assert process.returncode == 0
    assert (goes_on, 1 <= int(seen) < KINDS, int(after)) == ("True", True, KINDS + 1)
