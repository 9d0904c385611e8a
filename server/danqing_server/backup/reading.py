"""Reads a backup: its documents as they count, each with the files that it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import attrs

from danqing_server.backup.errors import BackupDamaged
from danqing_server.backup.files import documents_in
from danqing_server.backup.listing import Line, lines_of
from danqing_server.backup.manifest import Manifest, SetRecord
from danqing_server.backup.repository import Repository
from danqing_server.store.dumping import decoded
from danqing_server.store.named import NAMING, files_named

__all__ = ["Run"]


@attrs.frozen
class Run:
    """A whole backup. What reads it blocks, and raises BackupDamaged."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, repository: Repository, run: str | None) -> Run:
        """Return a backup, the newest one for None."""
        chosen = repository.chosen(run)
        return cls(repository.folder_of(chosen), repository.manifest_of(chosen))

    def documents(self, set_: SetRecord) -> Iterator[bytes]:
        """Yield the documents of a collection that count."""
        skipped = set_.skipped
        for raw in documents_in(self.folder / set_.file.name):
            if not skipped or decoded(raw)["_id"] not in skipped:
                yield raw
        if set_.again is not None:
            yield from documents_in(self.folder / set_.again.name)

    def lines(self) -> Iterator[Line]:
        """Yield the files that the documents name which count."""
        return chain(
            lines_of(self.folder / self.manifest.pictures.name),
            lines_of(self.folder / self.manifest.pictures_again.name),
        )

    def naming(self) -> Iterator[tuple[str, Mapping[str, Any], list[Line]]]:
        """Yield each document that may name files, with its collection and its lines.

        Raises:
            BackupDamaged: the list is not that of the documents.
        """
        sets = [each for each in self.manifest.sets if each.name in NAMING]
        first = iter(lines_of(self.folder / self.manifest.pictures.name))
        again = iter(lines_of(self.folder / self.manifest.pictures_again.name))
        for set_ in sets:
            for raw in documents_in(self.folder / set_.file.name):
                document = decoded(raw)
                if document["_id"] not in set_.skipped:
                    yield set_.name, document, _taken(first, set_.name, document)
            for raw in documents_in(self.folder / set_.again.name) if set_.again else ():
                document = decoded(raw)
                yield set_.name, document, _taken(again, set_.name, document)
        if next(first, None) or next(again, None):
            raise BackupDamaged("the list of pictures names files that no document does")


def _taken(lines: Iterator[Line], name: str, document: Mapping[str, Any]) -> list[Line]:
    """Take the lines of a document, of which each file that it names has one."""
    taken = []
    for file in files_named(name, document):
        line = next(lines, None)
        if line is None or (line.id, line.key) != (document["_id"], file.key):
            raise BackupDamaged(f"{name} {document['_id']} names a file that is not in the list of pictures")
        taken.append(line)
    return taken
