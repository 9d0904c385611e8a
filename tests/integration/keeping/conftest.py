"""The command line, beside a running system."""

from __future__ import annotations

from tests.integration.backups.conftest import danqing

__all__ = ["danqing"]
