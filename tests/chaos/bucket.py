"""The whole system with its pictures in an S3 that goes wrong for a while, again and again.

The S3 itself (moto) loses nothing: it is the way there that is wrong, where answers are late, lost, cut or false.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import attrs

from danqing_server.supervision.embedded.servers import free_port
from tests.chaos.whole import Whole, make_home
from tests.support.faulty_s3 import Asked, Fault, FaultyS3, faulty_s3
from tests.support.s3 import BUCKET, client_of, credentials, run_s3
from tests.support.servers import RunningServer

__all__ = ["BucketWhole", "running_beside_bucket"]

SHARE = 0.5
"""How many of the requests go wrong while the way to the bucket is disturbed."""

WRITING = (Fault.SLOW_DOWN, Fault.DENIED, Fault.SKEWED, Fault.HANGING, Fault.UNHEARD)
READING = (*WRITING, Fault.GONE, Fault.SHORT, Fault.CUT)
ERASED_WITHIN_S = 120.0
VERIFIED_WITHIN_S = 600.0
STARTED_WITHIN_S = 30.0


@attrs.define(kw_only=True)
class BucketWhole(Whole):
    """A supervisor and its serving processes, whose settings lead to the bucket by way of `proxy`."""

    bucket: RunningServer
    proxy: FaultyS3

    def disturb(self, kind: str, random: Random) -> None:
        """Have half of what is asked of the bucket go wrong, until it is mended."""
        drawn = Random(random.random())

        def fault_of(asked: Asked) -> Fault | None:
            kinds = READING if asked.method in ("GET", "HEAD") else WRITING
            return drawn.choice(kinds) if drawn.random() < SHARE else None

        self.proxy.fault_of = fault_of

    def mend(self) -> None:
        """Let everything through again."""
        self.proxy.fault_of = _nothing

    def faults_of_what_is_kept(self, gone: Sequence[str]) -> Sequence[str]:
        """Compare every file with what its task knows, and look for some of tasks that are *gone*."""
        deadline = time.monotonic() + ERASED_WITHIN_S
        while (left := self._files_of(gone)) and time.monotonic() < deadline:
            time.sleep(1)
        told = [f"{key}: its task was deleted" for key in left]
        verifying = subprocess.run(
            [sys.executable, "-m", "danqing_server", "assets", "verify"],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=VERIFIED_WITHIN_S,
            check=False,
        )
        if verifying.returncode:
            told.append(f"assets verify: {verifying.stdout[-2000:]}{verifying.stderr[-2000:]}")
        return told

    def _files_of(self, tasks: Sequence[str]) -> Sequence[str]:
        client: Any = client_of(self.bucket)
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
        return [key for key in keys if any(f"/{task_id}/" in key for task_id in tasks)]


def _nothing(_asked: Asked) -> None:
    return None


@contextmanager
def running_beside_bucket(directory: Path, **variables: str) -> Iterator[BucketWhole]:
    """Run the system beside such an S3 while the block lasts."""
    make_home(directory)
    with run_s3(directory) as bucket, _in_a_thread(bucket) as proxy:
        found = {**variables, **credentials(bucket), "AWS_ENDPOINT_URL": proxy.url}
        whole = BucketWhole(directory=directory, port=free_port(), variables=found, bucket=bucket, proxy=proxy)
        with whole.running():
            yield whole


@contextmanager
def _in_a_thread(bucket: RunningServer) -> Iterator[FaultyS3]:
    """Yield a proxy with a loop of its own: who waits for the system to start keeps the run's from turning."""
    there: Future[tuple[FaultyS3, Callable[[], object]]] = Future()

    async def serve() -> None:
        ending = asyncio.Event()
        async with faulty_s3(bucket.url) as proxy:
            there.set_result((proxy, partial(asyncio.get_running_loop().call_soon_threadsafe, ending.set)))
            await ending.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="bucket", daemon=True)
    thread.start()
    proxy, end = there.result(timeout=STARTED_WITHIN_S)
    try:
        yield proxy
    finally:
        end()
        thread.join()
