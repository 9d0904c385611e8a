"""The JavaScript and CSS of others in the wheel: what it is, and the text of its licences as one file.

`python -m release.vendored` writes THIRD_PARTY_LICENSES anew.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

__all__ = ["FOLDERS", "PATH", "Vendored", "texts_of", "third_party", "vendored"]

ROOT: Final = Path(__file__).parents[1]
PATH: Final = ROOT / "THIRD_PARTY_LICENSES"
_SERVER: Final = ROOT / "server" / "danqing_server"
FOLDERS: Final = (_SERVER / "studio" / "vendor", _SERVER / "doors" / "static")
"""Where files of others lie; each has a `versions.json` that tells of every one."""

_TEXTS: Final = {
    "preact": ("preact.LICENSE",),
    "@preact/signals": ("signals.LICENSE",),
    "@preact/signals-core": ("signals.LICENSE",),
    "swagger-ui-dist": ("swagger-ui.NOTICE", "swagger-ui.LICENSE", "swagger-ui-bundle.js.LICENSE.txt"),
}
"""The files with a package's terms; what is bundled in it comes last."""

_HEAD: Final = """\
danqing is under the MIT License (LICENSE). Its wheel has files of the following packages in it, unmodified. What
else it needs is installed beside it by pip, from packages with terms of their own; a release's bill lists them.
"""


@attrs.frozen(kw_only=True)
class Vendored:
    """One file of a package of npm's."""

    folder: Path
    name: str
    package: str
    version: str
    licence: str
    sha512: bytes

    @property
    def is_intact(self) -> bool:
        """Whether the file is what was published."""
        return hashlib.sha512((self.folder / self.name).read_bytes()).digest() == self.sha512


def vendored() -> list[Vendored]:
    """Return every file, by folder and as `versions.json` lists them."""
    return [_read(folder, name, told) for folder in FOLDERS for name, told in _told(folder).items()]


def texts_of(package: str) -> Sequence[Path]:
    """Return the files with the terms of a package."""
    return [path for name in _TEXTS[package] for path in (folder / name for folder in FOLDERS) if path.exists()]


def third_party() -> str:
    """Return what THIRD_PARTY_LICENSES says."""
    parts = [_HEAD]
    packages = {each.package: each for each in vendored()}
    for package, one in packages.items():
        files = ", ".join(each.name for each in vendored() if each.package == package)
        parts.append(f"{'=' * 80}\n{package} {one.version} ({one.licence}): {files}\n{'=' * 80}\n")
        parts.extend(path.read_text().strip("\n") + "\n" for path in texts_of(package))
    return "\n".join(parts)


def _told(folder: Path) -> dict[str, dict[str, str]]:
    told: dict[str, dict[str, str]] = json.loads((folder / "versions.json").read_text())
    return told


def _read(folder: Path, name: str, told: dict[str, str]) -> Vendored:
    return Vendored(
        folder=folder,
        name=name,
        package=told["package"],
        version=told["version"],
        licence=told["licence"],
        sha512=base64.b64decode(told["sha512"]),
    )


if __name__ == "__main__":
    PATH.write_text(third_party())
    sys.stdout.write(f"{PATH} is written\n")
