"""Starts the sandbox: `python -m danqing_providers.sandbox`."""

from __future__ import annotations

import sys

from danqing_providers.sandbox.cli import main

if __name__ == "__main__":
    sys.exit(main())
