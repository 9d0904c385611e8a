"""`make release`: the files of a release, of the last commit and nothing else, and the checks of them.

`python -m release.cut [FOLDER]`; by default into dist. Everything is built twice and has to come out the same. Exit
code 1 when something is wrong; what was built then lies there to be looked at, without SHA256SUMS.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from release.bill import EXTRAS, Report, bill_of
from release.contents import files_of, sdist_complaints, wheel_complaints
from release.licences import ROOT, is_allowed

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Make the files and look at them."""
    target = Path(arguments[0]) if arguments else ROOT / "dist"
    commit, made_at_s = _git("log", "-1", "--format=%H %ct").split()
    tree = _tree(commit)
    version = tomllib.loads(tree["pyproject.toml"].decode())["project"]["version"]
    target.mkdir(parents=True, exist_ok=True)
    for old in (*target.glob("danqing-*"), *target.glob("SHA256SUMS")):
        old.unlink()
    complaints = _build(tree, int(made_at_s), target)
    [sdist], [wheel] = target.glob("*.tar.gz"), target.glob("*.whl")
    complaints += sdist_complaints(sdist, tree, version) + wheel_complaints(wheel, tree, version)
    complaints += _twine(sdist, wheel)
    complaints += _bill(wheel, int(made_at_s), target / f"danqing-{version}.cdx.json")
    if complaints:
        sys.stderr.writelines(f"release: {line}\n" for line in complaints)
        return 1
    _sums(target)
    sys.stdout.write(f"danqing {version} of {commit[:12]}, built twice and the same, is in {target}:\n")
    sys.stdout.write((target / "SHA256SUMS").read_text())
    return 0


def _git(*arguments: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True, text=True).stdout


def _tree(commit: str) -> dict[str, bytes]:
    """Return the commit's files by their path; what lies beside them unwritten is in no release."""
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", commit], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return dict(files_of(archive))


def _build(tree: dict[str, bytes], made_at_s: int, target: Path) -> list[str]:
    """Build the source archive, and the wheel out of it, into *target*; return what differs when built again."""
    with tempfile.TemporaryDirectory(prefix="danqing-release-") as again:
        for folder in (target, Path(again)):
            _build_once(tree, made_at_s, folder)
        return [
            f"{path.name}: built again it is another"
            for path in sorted(target.iterdir())
            if path.read_bytes() != (Path(again) / path.name).read_bytes()
        ]


def _build_once(tree: dict[str, bytes], made_at_s: int, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="danqing-tree-") as folder:
        for name, body in tree.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target.resolve()), folder]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(made_at_s)}
        built = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    if built.returncode:
        raise SystemExit(f"release: it cannot be built:\n{built.stdout}{built.stderr}")


def _twine(*files: Path) -> list[str]:
    """Return what an index would have against the files' descriptions."""
    command = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", *map(str, files)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] if done.returncode else []


def _bill(wheel: Path, made_at_s: int, path: Path) -> list[str]:
    """Write the bill of materials; return what CycloneDX's schema, or our list of licences, has against it."""
    bill = bill_of(wheel, _report(wheel), made_at_s=made_at_s)
    text = json.dumps(bill, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    told = [(each["name"], each["licenses"][0]["expression"]) for each in bill["components"]]
    refused = [
        f"{name}: {licence} is not among the licences taken"
        for name, licence in told
        if not is_allowed(name, licence)
    ]
    return [*([f"{path.name}: {wrong}"] if wrong else []), *refused]


def _report(wheel: Path) -> Report:
    """Return pip's report of what it would install with the wheel and its extras into an empty environment."""
    asked = f"danqing[{','.join(sorted(EXTRAS))}] @ {wheel.resolve().as_uri()}"
    command = [sys.executable, "-m", "pip", "--quiet", "install", "--dry-run", "--ignore-installed"]
    command += ["--constraint", str(ROOT / "constraints.txt"), "--report", "-", asked]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"release: pip cannot say what it would install:\n{done.stderr}")
    report: Report = json.loads(done.stdout)
    return report


def _sums(target: Path) -> None:
    files = sorted(path for path in target.iterdir() if path.is_file())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (target / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
