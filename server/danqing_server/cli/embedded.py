"""A server for the length of one command, as `danqing serve` would be in this folder."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import IO

from danqing_server.cli.exits import Ended, Exit

__all__ = ["serving"]

ENDS_S = 60.0
_READY = "danqing is ready at "


@contextlib.contextmanager
def serving(key: str | None) -> Iterator[tuple[str, str | None]]:
    """Run a server while the block lasts and yield its URL and the key to use there.

    *key* None: the first of `DANQING_API_KEYS`, whoever runs the server knows it. What is not finished when it ends
    goes on with the next start. Raises Ended when it does not start.
    """
    from danqing_server.cli.environment import environment_of
    from danqing_server.settings.reading import read_settings
    from danqing_server.supervision.processes import Command, tethered

    settings = read_settings(environment_of(None))
    own = next((each.secret for each in settings.api_keys), None)
    # A port of its own: 8080 may be somebody else's. Its signals are ours to send, not the terminal's.
    argv = (sys.executable, "-m", "danqing_server", "serve", "--host", "127.0.0.1", "--port", "0", "--role", "all")
    command = tethered(Command(name="serve", argv=argv, death_signal=signal.SIGTERM))
    sys.stderr.write("starting a server for this command …\n")
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
        try:
            yield _url_of(process, log), key or own
        finally:
            _end(process)


def _url_of(process: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    stdout = process.stdout
    for line in stdout or ():
        told = line.decode(errors="replace")
        if told.startswith(_READY):
            return told.removeprefix(_READY).strip()
    log.seek(0)
    said = [line for line in log.read().decode(errors="replace").splitlines() if not line.startswith("{")]
    code = Exit.UNREACHABLE if process.wait() == Exit.UNREACHABLE else Exit.REFUSED
    raise Ended(code, *(line.removeprefix("danqing: ") for line in said or ["the server did not start"]))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(ENDS_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()  # what it was doing is found by the next start
        process.wait()
