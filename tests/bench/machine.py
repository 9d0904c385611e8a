"""What the benchmark reads of this machine: its description, and what processes use."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

import attrs

__all__ = ["CpuWatch", "cpu_s", "describe", "memory_bytes", "raise_descriptor_limit"]

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PACKAGES = ("sanic", "motor", "pymongo", "redis", "aiohttp", "uvloop", "danqing")


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, all its threads together, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def memory_bytes(pid: int) -> tuple[int, int]:
    """Return a process's resident memory, and its proportional share (PSS)."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        found[name] = int(rest.split()[0]) * 1024
    return found["Rss"], found["Pss"]


def raise_descriptor_limit() -> None:
    """Let this process, and those it starts, open as many files as the machine allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def describe() -> dict[str, object]:
    """Return what a reader must know of the machine and the versions."""
    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory_kb = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kb / 1024**2, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


@attrs.define
class CpuWatch:
    """How much processor time named groups of processes used since it was made."""

    groups: Mapping[str, Iterable[int]]
    _before: dict[str, float] = attrs.field(init=False)
    _began_s: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._before, self._began_s = self._read(), time.monotonic()

    def used_s(self) -> dict[str, float]:
        """Return seconds of processor time by group."""
        return {name: used - self._before[name] for name, used in self._read().items()}

    def cores(self) -> dict[str, float]:
        """Return how many cores each group kept busy."""
        elapsed_s = max(0.001, time.monotonic() - self._began_s)
        return {name: round(used / elapsed_s, 2) for name, used in self.used_s().items()}

    def _read(self) -> dict[str, float]:
        return {name: sum(cpu_s(pid) for pid in pids) for name, pids in self.groups.items()}
