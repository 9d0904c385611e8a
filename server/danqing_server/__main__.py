"""`python -m danqing_server` is `danqing`."""

from __future__ import annotations

import sys

from danqing_server.cli import main

if __name__ == "__main__":
    sys.exit(main())
