"""The bill of materials of a wheel: what pip installs with it, and what of others is in it, as CycloneDX 1.6.

Source: cyclonedx.org/docs/1.6/json, read 2026-11-29. The same wheel and the same index give the same bytes.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

from release.licences import canonical, licence_of
from release.vendored import Vendored, vendored

__all__ = ["EXTRAS", "bill_of"]

EXTRAS: Final = frozenset({"embedded", "video", "otel"})
"""What a person may install with the wheel; what only these bring is `optional` in the bill."""

_OURS: Final = "danqing"
Json = dict[str, Any]
Report = Mapping[str, Any]
"""What `pip install --report` writes (pip.pypa.io/en/stable/reference/installation-report, read 2026-11-29)."""


def bill_of(wheel: Path, report: Report, *, made_at_s: int) -> Json:
    """Return the bill; *report* is of the wheel with all of `EXTRAS`, *made_at_s* the commit's time.

    Raises:
        LookupError: a distribution says no licence, or what it needs is not in *report*.
    """
    items = {canonical(each["metadata"]["name"]): each for each in report["install"]}
    needed = _reached(items, frozenset())
    others = [name for name in sorted(items) if name != _OURS]
    packages = _packages()
    graph = _edges(items)
    graph[_ref(items[_OURS])] += [_purl_of(each[0]) for each in packages.values()]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, _sha256(wheel))}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(made_at_s, UTC).isoformat(),
            "component": _own(items[_OURS], wheel),
        },
        "components": [
            *(_installed(items[name], required=name in needed) for name in others),
            *(_in_the_wheel(files) for files in packages.values()),
        ],
        "dependencies": [{"ref": ref, "dependsOn": sorted(of)} for ref, of in sorted(graph.items())],
    }


def _own(item: Json, wheel: Path) -> Json:
    told = item["metadata"]
    return {
        "type": "application",
        "bom-ref": _ref(item),
        "name": _OURS,
        "version": told["version"],
        "description": told["summary"],
        "licenses": [{"expression": _licence(item)}],
        "hashes": [{"alg": "SHA-256", "content": _sha256(wheel)}],
        "purl": _ref(item),
    }


def _installed(item: Json, *, required: bool) -> Json:
    told = item["metadata"]
    return {
        "type": "library",
        "bom-ref": _ref(item),
        "name": told["name"],
        "version": told["version"],
        "scope": "required" if required else "optional",
        "licenses": [{"expression": _licence(item)}],
        "hashes": [{"alg": "SHA-256", "content": item["download_info"]["archive_info"]["hashes"]["sha256"]}],
        "purl": _ref(item),
        "externalReferences": [{"type": "distribution", "url": url}]
        if (url := item["download_info"]["url"]).startswith("https://")
        else [],
    }


def _in_the_wheel(files: Sequence[Vendored]) -> Json:
    """Return a package of npm's, with those of its files that are in the wheel."""
    first = files[0]
    return {
        "type": "library",
        "bom-ref": _purl_of(first),
        "name": first.package,
        "version": first.version,
        "scope": "required",
        "licenses": [{"expression": first.licence}],
        "purl": _purl_of(first),
        "components": [
            {
                "type": "file",
                "bom-ref": f"{_purl_of(each)}#{each.name}",
                "name": f"danqing_server/{each.folder.parent.name}/{each.folder.name}/{each.name}",
                "hashes": [{"alg": "SHA-512", "content": each.sha512.hex()}],
            }
            for each in files
        ],
    }


def _packages() -> dict[str, list[Vendored]]:
    found: dict[str, list[Vendored]] = {}
    for each in vendored():
        found.setdefault(each.package, []).append(each)
    return found


def _licence(item: Json) -> str:
    told = item["metadata"]
    found = licence_of(
        told["name"], told.get("license_expression"), told.get("license"), told.get("classifier", [])
    )
    if found is None:
        raise LookupError(f"{told['name']} {told['version']} says no licence: write it into release/licences.py")
    return found


def _needs(item: Json, extras: frozenset[str]) -> Iterator[Requirement]:
    """Yield what *item* needs here, with *extras*."""
    for line in item["metadata"].get("requires_dist", ()):
        one = Requirement(line)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras or {""}):
            yield one


def _reached(items: Mapping[str, Json], extras: frozenset[str]) -> set[str]:
    """Return what is installed with danqing and *extras* of it."""
    reached: set[tuple[str, frozenset[str]]] = set()
    left = [(_OURS, extras)]
    while left:
        name, asked = left.pop()
        if (name, asked) not in reached:
            reached.add((name, asked))
            left += [(canonical(one.name), frozenset(one.extras)) for one in _needs(_item(items, name), asked)]
    return {name for name, _ in reached}


def _item(items: Mapping[str, Json], name: str) -> Json:
    if name not in items:
        raise LookupError(f"{name} is needed, and not in pip's report")
    return items[name]


def _edges(items: Mapping[str, Json]) -> dict[str, list[str]]:
    """Return by its reference what each installed distribution needs, extras of its own left out."""
    edges = {}
    for name, item in items.items():
        needs = {canonical(one.name) for one in _needs(item, EXTRAS if name == _OURS else frozenset())}
        edges[_ref(item)] = [_ref(_item(items, each)) for each in needs]
    return edges


def _ref(item: Json) -> str:
    told = item["metadata"]
    return f"pkg:pypi/{canonical(told['name'])}@{told['version']}"


def _purl_of(one: Vendored) -> str:
    return f"pkg:npm/{one.package.replace('@', '%40')}@{one.version}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
