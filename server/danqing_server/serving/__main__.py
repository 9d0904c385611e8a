"""Load a serving process and run it.

What is loaded stays for good, so that looking for garbage among it is lost work: a tenth of the start's processor
time. What little there is (1.5 MB) stays too. Source: docs.python.org/3/library/gc.html#gc.freeze, read 2026-11-27.
"""

from __future__ import annotations

import gc
import os
import sys

gc.disable()

from danqing_server.telemetry.beginning import NOTHING, begin  # noqa: E402 — what it loads is not to be searched for garbage

begun = begin(os.environ) if __name__ == "__main__" else NOTHING  # it hears of no step that is loaded before

from danqing_server.serving.process import main  # noqa: E402 — the same, and after it

gc.freeze()
gc.enable()

if __name__ == "__main__":
    code = main(begun=begun)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(
        code
    )  # everything is closed; a driver's thread that still asks a server that is away is not waited for
