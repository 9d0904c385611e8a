"""`danqing serve` with stand-ins for its serving processes and plugins: a script, its settings are variables.

`STAND_IN_SANDBOX=1` makes a provider want the stand-in simulator. What stands as `NAME=VALUE` in a file where
`STAND_IN_FILE` points is read with each reload; one where `STAND_IN_SHUT_IF` points makes the survey take from the
supervisor that it may open any more files, as a machine does that has none left.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from danqing_server.errors import DanqingError
from danqing_server.log import configure_logging
from danqing_server.supervision.processes import KeepsDying, StartRefused
from danqing_server.supervision.supervisor import Supervisor
from danqing_server.supervision.survey import Survey, WantedSandbox

_HERE = Path(__file__).parent


def _serving(descriptor: int, index: int) -> tuple[str, ...]:
    return (sys.executable, str(_HERE / "stand_in_serving.py"), "--fd", str(descriptor), "--index", str(index))


def _survey() -> Survey:
    if not os.environ.get("STAND_IN_SANDBOX"):
        return Survey()
    sandbox = WantedSandbox(provider="volcengine", module="tests.support.stand_in_sandbox")
    return Survey(sandboxes=(sandbox,), simulated=("volcengine",))


def _environment() -> dict[str, str]:
    file = Path(os.environ.get("STAND_IN_FILE", "/nowhere"))
    lines = file.read_text().splitlines() if file.exists() else []
    return {**os.environ, **dict(line.split("=", 1) for line in lines)}


_SHUT = """
import os, resource, sys
if os.path.exists(os.environ.get("STAND_IN_SHUT_IF", "/nowhere")):
    _, hard = resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)
    resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (3, hard))
"""


def main() -> int:
    """Supervise, and answer as the command line does."""
    configure_logging("INFO", json_lines=True)
    supervisor = Supervisor(
        read_environment=_environment,
        survey_command=(sys.executable, "-c", f"{_SHUT}\nprint({_survey().to_json()!r})"),
        serving_command=_serving,
        stop_margin_s=float(os.environ.get("STAND_IN_MARGIN", "5")),
        give_up_after_s=float(os.environ.get("STAND_IN_GIVE_UP", "600")),
        healthy_within_s=float(os.environ.get("STAND_IN_HEALTHY_WITHIN", "60")),
    )
    try:
        asyncio.run(supervisor.run())
    except KeepsDying as error:
        sys.stderr.write(f"danqing: {error}\n")
        return 1
    except DanqingError as error:
        if not (isinstance(error, StartRefused) and error.explained):
            sys.stderr.write(f"danqing: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
