"""What the tests of the client libraries share: a key, and the JavaScript one as programs of Node have it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

__all__ = ["CLIENT", "KEY", "needs_node", "run"]

CLIENT = Path(__file__).parents[2] / "clients" / "js"
KEY = "a-key-of-the-tests-own"

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")


def run(script: str, base: str = "http://127.0.0.1:1") -> Any:
    """Return what *script*, the body of an asynchronous function, returns."""
    program = f"""
        import * as client from {json.dumps(str(CLIENT / "danqing.js"))};
        const {{ Danqing, verifyWebhook }} = client;
        const danqing = new Danqing({{ url: {json.dumps(base)}, key: {json.dumps(KEY)}, userId: "tester" }});
        const input = {{ size: "1280x720" }};
        const failure = (error) => ({{ name: error.name, ...error, message: error.message }});
        const result = await (async () => {{ {script} }})().catch((error) => ({{ thrown: failure(error) }}));
        console.log(JSON.stringify(result ?? null));
    """
    ran = subprocess.run(
        ["node", "--input-type=module", "-e", program],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)
