"""Proves a backup: every file is what was written, and every picture that a document names is there, whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

import attrs

from danqing_server.backup.errors import BackupDamaged
from danqing_server.backup.files import digest_of
from danqing_server.backup.listing import Line
from danqing_server.backup.manifest import FileRecord
from danqing_server.backup.reading import Run
from danqing_server.backup.repository import Repository

__all__ = ["Finding", "Verified", "damaged_files", "verify"]


@attrs.frozen(kw_only=True)
class Finding:
    """Something that is wrong: `missing` or `damaged` now, or `lost` before the backup was taken.

    `subject` is a file of the backup, or the document that names a picture.
    """

    kind: str
    subject: str
    reason: str


@attrs.frozen(kw_only=True)
class Verified:
    """What was looked at, and what is wrong with it, the first thousand findings of all `wrong`."""

    run: str
    documents: int
    pictures: int
    picture_bytes: int
    wrong: int
    lost: int
    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        """Whether the backup holds all that the server had when it was taken."""
        return not self.wrong


MOST_FINDINGS = 1000
MOST_NOTED = 100_000


@attrs.define(eq=False)
class _Check:
    repository: Repository
    run: Run
    quick: bool
    report: Callable[[str], None]
    documents: int = 0
    pictures: int = 0
    picture_bytes: int = 0
    wrong: int = 0
    findings: list[Finding] = attrs.field(factory=list)
    damaged: set[str] = attrs.field(factory=set)

    def find(self, kind: str, subject: str, reason: str) -> None:
        self.wrong += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(kind=kind, subject=subject, reason=reason))


def verify(
    repository: Repository, run: str | None, report: Callable[[str], None], *, quick: bool = False
) -> Verified:
    """Look at all of a backup, the newest one for None; *quick*: at the sizes of pictures and not at their content.

    Blocks. The memory it takes does not grow with the backup. A picture that several documents share is read once
    for each. Pictures whose content is not what it was are noted, and the next backup brings them again.

    Raises:
        BackupError: there is no such backup, or it says nothing of itself.
    """
    check = _Check(repository, Run.open(repository, run), quick, report)
    manifest = check.run.manifest
    whole = [_check_file(check, record) for record in _files_of(check.run)]
    if all(whole):
        _count_documents(check)
        _check_pictures(check)
        if not quick:
            repository.note_damaged({*check.damaged, *_damaged_still(repository, check.damaged)})
    return Verified(
        run=manifest.id,
        documents=check.documents,
        pictures=check.pictures,
        picture_bytes=check.picture_bytes,
        wrong=check.wrong,
        lost=len(manifest.lost),
        findings=tuple(check.findings),
    )


def damaged_files(run: Run) -> list[str]:
    """Return which of a backup's own files are missing or damaged; its pictures are not looked at. Blocks."""
    return [
        record.name
        for record in _files_of(run)
        if _wrong_with(run.folder / record.name, record.sha256, record.size_bytes, quick=False) is not None
    ]


def _damaged_still(repository: Repository, read: Collection[str]) -> Iterator[str]:
    """Yield what an earlier proof, of any backup, found damaged and is so still, beside what was just *read*."""
    for sha256 in repository.found_damaged().difference(read):
        with suppress(OSError):
            if digest_of(repository.picture(sha256))[0] != sha256:
                yield sha256


def _files_of(run: Run) -> Iterator[FileRecord]:
    manifest = run.manifest
    yield manifest.pictures
    yield manifest.pictures_again
    for set_ in manifest.sets:
        yield set_.file
        if set_.again is not None:
            yield set_.again


def _check_file(check: _Check, record: FileRecord) -> bool:
    """Look whether a file of the backup is what was written; damaged ones are not read any further."""
    check.report(record.name)
    reason = _wrong_with(check.run.folder / record.name, record.sha256, record.size_bytes, quick=False)
    if reason is not None:
        check.find(_kind_of(reason), record.name, reason)
    return reason is None


def _count_documents(check: _Check) -> None:
    for set_ in check.run.manifest.sets:
        try:
            found = sum(1 for _ in check.run.documents(set_))
        except (BackupDamaged, ValueError) as error:
            check.find("damaged", set_.name, str(error))
            continue
        expected = set_.file.entries - len(set_.struck)
        check.documents += found
        if found != expected:
            check.find("damaged", set_.name, f"has {found} documents of {expected}")


def _check_pictures(check: _Check) -> None:
    check.report("pictures")
    try:
        for collection, _, lines in check.run.naming():
            for line in lines:
                _check_picture(check, collection, line)
    except (BackupDamaged, ValueError) as error:
        check.find("damaged", check.run.manifest.pictures.name, str(error))


def _check_picture(check: _Check, collection: str, line: Line) -> None:
    subject = f"{collection} {line.id}"
    if line.sha256 is None:
        check.find("lost", subject, "a picture that it names was not in the storage, or damaged there")
        return
    check.pictures += 1
    check.picture_bytes += line.size_bytes
    path = check.repository.picture(line.sha256)
    reason = _wrong_with(path, line.sha256, line.size_bytes, quick=check.quick)
    if reason is not None:
        if len(check.damaged) < MOST_NOTED:
            check.damaged.add(line.sha256)
        check.find(_kind_of(reason), subject, f"its picture {path.relative_to(check.repository.folder)} {reason}")


def _wrong_with(path: Path, sha256: str, size_bytes: int, *, quick: bool) -> str | None:
    try:
        if quick:
            size = path.stat().st_size
            return None if size == size_bytes else f"has {size} bytes of {size_bytes}"
        found = digest_of(path)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if found == (sha256, size_bytes) else "is not what was written"


def _kind_of(reason: str) -> str:
    return "missing" if reason == "is missing" else "damaged"
