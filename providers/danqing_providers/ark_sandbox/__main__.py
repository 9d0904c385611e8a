"""Starts the sandbox: `python -m danqing_providers.ark_sandbox`."""

from __future__ import annotations

import sys

from danqing_providers.ark_sandbox.cli import main

if __name__ == "__main__":
    sys.exit(main())
