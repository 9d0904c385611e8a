"""Load from outside: wrk where it is installed, else processes of our own client."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import uvloop

from tests.bench.http_client import Answer, drive, get_request, submission

__all__ = ["CONNECTIONS", "LoadResult", "client_name", "poll_load", "submit_load"]

CONNECTIONS = 64
CLIENT_PROCESSES = 2
_HERE = Path(__file__).parent
WRK = shutil.which("wrk")


@attrs.frozen(kw_only=True)
class LoadResult:
    """What a client saw: answers per second, and the latency at its median and 99th percentile."""

    requests: int
    per_s: float
    p50_ms: float
    p99_ms: float


def client_name() -> str:
    """Return which client is used."""
    return (
        "wrk" if WRK else f"{CLIENT_PROCESSES} Python processes (wrk is not installed: the client may be the limit)"
    )


def submit_load(host: str, port: int, seconds: float, type_: str = "text") -> LoadResult:
    """Submit for some seconds over 64 connections. Raises RuntimeError when a request fails."""
    if WRK:
        return _wrk("submit.lua", host, port, seconds, type_)
    return _in_processes(host, port, seconds, [type_])


def poll_load(host: str, port: int, seconds: float, ids: list[str], folder: Path) -> LoadResult:
    """Poll tasks in random order for some seconds over 64 connections."""
    if WRK:
        listing = folder / "ids.txt"
        listing.write_text("\n".join(ids) + "\n")
        return _wrk("poll.lua", host, port, seconds, str(listing))
    return _in_processes(host, port, seconds, ["poll", *ids])


def _wrk(script: str, host: str, port: int, seconds: float, *arguments: str) -> LoadResult:
    command = [WRK or "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--timeout", "30s"]
    command += ["-s", str(_HERE / script), f"http://{host}:{port}", "--", *arguments]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    line = next(line for line in output.splitlines() if line.startswith("RESULT"))
    requests, duration_us, errors, p50_us, p99_us = map(float, line.split()[1:])
    if errors:
        raise RuntimeError(f"{errors:.0f} of {requests:.0f} requests failed")
    return LoadResult(
        requests=int(requests), per_s=requests / duration_us * 1e6, p50_ms=p50_us / 1000, p99_ms=p99_us / 1000
    )


def _in_processes(host: str, port: int, seconds: float, what: list[str]) -> LoadResult:
    connections = CONNECTIONS // CLIENT_PROCESSES
    arguments = [(host, port, seconds, what, connections, start) for start in range(CLIENT_PROCESSES)]
    with multiprocessing.get_context("spawn").Pool(CLIENT_PROCESSES) as pool:
        found = pool.starmap(_one_process, arguments)
    latencies = sorted(itertools.chain.from_iterable(latencies for latencies, _ in found))
    per_s = sum(len(latencies) / took_s for latencies, took_s in found)
    at: Callable[[float], float] = lambda share: latencies[int(share * (len(latencies) - 1))] * 1000  # noqa: E731
    return LoadResult(requests=len(latencies), per_s=per_s, p50_ms=at(0.5), p99_ms=at(0.99))


def _one_process(
    host: str, port: int, seconds: float, what: list[str], connections: int, start: int
) -> tuple[list[float], float]:
    latencies: list[float] = []

    def take(answer: Answer, took_s: float) -> None:
        if answer.status not in (200, 201):
            raise RuntimeError(f"a request failed: {answer.status}")
        latencies.append(took_s)

    def requests() -> Iterator[bytes]:
        until_s = time.monotonic() + seconds
        for number in itertools.count(start, CLIENT_PROCESSES):
            if time.monotonic() > until_s:
                return
            if what[0] == "poll":
                yield get_request(f"/api/v1/tasks/{what[1 + number * 7919 % (len(what) - 1)]}")
            else:
                yield submission(number, what[0])

    runner = uvloop.run if sys.platform != "win32" else asyncio.run
    return latencies, runner(drive(host, port, requests(), connections, take))
