"""`make site`: a server is asked for its OpenAPI document, then the site is built, warnings being errors.

`python site/build_site.py [FOLDER]`; by default into data/site. Nothing is fetched from anywhere. It is read from a
server of files (`python -m http.server -d data/site`): browsers let no page search itself from a disk.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from pages import ROOT, gather

START_S = 120.0
QUIET = {"NO_MKDOCS_2_WARNING": "1"}  # an advertisement of mkdocs-material's successor


def main() -> int:
    """Build; 1 when something in the pages is wrong."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "data" / "site"
    with tempfile.TemporaryDirectory(prefix="danqing-site-") as folder:
        pages = Path(folder) / "pages"
        gather(pages, _document(Path(folder)))
        command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
        command += ["--config-file", str(ROOT / "site" / "mkdocs.yml"), "--site-dir", str(target.resolve())]
        environment = {**os.environ, **QUIET, "DANQING_SITE_PAGES": str(pages)}
        built = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    shown = f"The site is in {target}. Read it: python3 -m http.server -d {target}\n"
    sys.stdout.write(built.stderr if built.returncode else shown)
    return built.returncode


def _document(folder: Path) -> bytes:
    """Return the OpenAPI document of a server that is started for it, with its own MongoDB and Redis."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = {name: value for name, value in os.environ.items() if not name.startswith(("DANQING_", "VOLCENGINE_"))}
    environment = {**known, "DANQING_DATA_DIR": str(folder / "data"), "PORT": str(port)}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "danqing_server", "serve"], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        return _ask(f"http://127.0.0.1:{port}/openapi.json", server)
    finally:
        server.terminate()
        server.wait()


def _ask(url: str, server: subprocess.Popen[bytes]) -> bytes:
    ends_s = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                body: bytes = answer.read()
                return body
        except OSError:  # refused, or not answered yet
            if server.poll() is not None or time.monotonic() > ends_s:
                raise
            time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
