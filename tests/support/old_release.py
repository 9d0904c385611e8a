"""Older releases, installed beside this one out of the repository's history: 31f8bed, and the last one tagged."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.serve import Serve

__all__ = ["install_old_release", "old_releases", "run_danqing"]

_BEFORE_TAGS = "31f8bed"
_ROOT = Path(__file__).parents[2]


def old_releases() -> list[str]:
    """Return the release before the first tag, and the newest tag that is not of this very version."""
    this = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["version"]
    listing = ["git", "-C", str(_ROOT), "tag", "--list", "v*", "--sort=-v:refname", "--merged"]
    listed = subprocess.run(listing, capture_output=True, text=True, check=False).stdout.split()
    return [_BEFORE_TAGS, *[tag for tag in listed if tag != f"v{this}"][:1]]


def install_old_release(folder: Path, release: str) -> Path:
    """Install *release* under *folder* and return what is to be PYTHONPATH; skips where there is no history."""
    archive = folder / "old.tar"
    found = subprocess.run(
        ["git", "-C", str(_ROOT), "archive", "-o", str(archive), release], capture_output=True, check=False
    )
    if found.returncode:
        pytest.skip(f"the history of this checkout does not reach back to {release}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "tree", filter="data")
    # Its own requirements are older versions of what is here: the lower bounds that it names are met.
    install = (sys.executable, "-m", "pip", "-q", "install", "--no-deps", "--no-build-isolation", "--target")
    subprocess.run([*install, str(folder / "site"), str(folder / "tree")], check=True)
    return folder / "site"


@contextmanager
def run_danqing(directory: Path, variables: Mapping[str, str]) -> Iterator[Serve]:
    """Run `danqing serve`, with PYTHONPATH an old one; when the block ends it is killed with all it started."""
    directory.mkdir(exist_ok=True)
    output, errors = directory / "output.txt", directory / "errors.txt"
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with output.open("wb") as output_stream, errors.open("wb") as errors_stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "danqing_server", "serve"],
            cwd=directory,
            env={**kept, "PORT": "0", "DANQING_STOP_GRACE": "5", **variables},
            stdout=output_stream,
            stderr=errors_stream,
        )
    try:
        server = Serve(process=process, output_path=output, errors_path=errors)
        server.until_ready(120)
        yield server
    finally:
        process.kill()
        process.wait()
