"""Dialects that nobody asks for."""

from __future__ import annotations

import subprocess
import sys


class TestLaziness:
    """They cost nothing."""

    def test_an_application_imports_no_dialect(self) -> None:
        """Not even the one of the root."""
        code = """
import sys
from danqing_providers.sandbox.app import create_app
from danqing_providers.sandbox.config import SandboxConfig
from danqing_providers.sandbox.mounts import DIALECTS
app = create_app(SandboxConfig())
assert "ark" in app[DIALECTS].names
loaded = [name for name in sys.modules if name.endswith(".dialect") and name.count(".") > 2]
assert not loaded, loaded
"""
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
