"""What a built wheel and source archive hold, beside what the commit has: no file more, none less, none other."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from email.parser import BytesParser
from pathlib import Path
from typing import Final

__all__ = ["files_of", "sdist_complaints", "wheel_complaints"]

PACKAGES: Final = {
    "danqing_server": "server/danqing_server",
    "danqing_providers": "providers/danqing_providers",
    "danqing_plugins": "plugins/danqing_plugins",
    "danqing_client": "clients/python/src/danqing_client",
}
"""Each package of the wheel, and where it lies in the tree."""

TERMS: Final = ("LICENSE", "THIRD_PARTY_LICENSES")
TYPED: Final = ("danqing_plugins/py.typed", "danqing_client/py.typed")
"""Programs of others import these packages: their annotations are for them."""


def wheel_complaints(wheel: Path, tree: Mapping[str, bytes], version: str) -> list[str]:
    """Return what is wrong with *wheel*; *tree* is the commit's files by their path."""
    with zipfile.ZipFile(wheel) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    info = f"danqing-{version}.dist-info/"
    told = {name.removeprefix(info): body for name, body in found.items() if name.startswith(info)}
    packed = {name: body for name, body in found.items() if not name.startswith(info)}
    meant = {
        f"{package}{path.removeprefix(folder)}": body
        for package, folder in PACKAGES.items()
        for path, body in tree.items()
        if path.startswith(f"{folder}/")
    }
    return [
        *_differences(packed, meant),
        *(f"{name}: it is a test" for name in packed if _is_test(name)),
        *(f"{name}: it is missing" for name in TYPED if name not in packed),
        *(f"{name}: it is not as the tree's" for name in TERMS if told.get(f"licenses/{name}") != tree[name]),
        *_told_wrongly(told, version),
    ]


def sdist_complaints(sdist: Path, tree: Mapping[str, bytes], version: str) -> list[str]:
    """Return what is wrong with the source archive: it is the commit, and PKG-INFO."""
    top = f"danqing-{version}/"
    with tarfile.open(sdist) as archive:
        found = {name.removeprefix(top): body for name, body in files_of(archive)}
    return _differences(found, {**tree, "PKG-INFO": found.get("PKG-INFO", b"")})


def files_of(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file of *archive*."""
    for member in archive.getmembers():
        if member.isfile() and (stream := archive.extractfile(member)) is not None:
            yield member.name, stream.read()


def _differences(found: Mapping[str, bytes], meant: Mapping[str, bytes]) -> list[str]:
    return [
        *(f"{name}: nobody meant it to be there" for name in sorted(found.keys() - meant.keys())),
        *(f"{name}: it is missing" for name in sorted(meant.keys() - found.keys())),
        *(
            f"{name}: it is not as the tree's"
            for name in sorted(found.keys() & meant.keys())
            if found[name] != meant[name]
        ),
    ]


def _is_test(name: str) -> bool:
    file = name.rpartition("/")[2]
    return file == "conftest.py" or (file.startswith("test_") and file.endswith(".py"))


def _told_wrongly(told: Mapping[str, bytes], version: str) -> Iterator[str]:
    metadata = BytesParser().parsebytes(told.get("METADATA", b""), headersonly=True)
    if metadata["Version"] != version:
        yield f"METADATA: version {metadata['Version']}, allowed: {version}"
    if b"danqing = danqing_server.cli:main" not in told.get("entry_points.txt", b""):
        yield "entry_points.txt: there is no command `danqing`"
