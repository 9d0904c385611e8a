"""The list of a backup's pictures: a line for each file that a document names, in the order of the documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import attrs

from danqing_server.backup.errors import BackupDamaged
from danqing_server.backup.files import lines_in
from danqing_server.codec.bodies import dump_json

__all__ = ["Line", "lines_of"]


@attrs.frozen(kw_only=True)
class Line:
    """A file that document `id` of `collection` names; `sha256` None: it was lost before the backup was taken."""

    collection: str
    id: str
    key: str
    sha256: str | None
    size_bytes: int

    def written(self) -> bytes:
        """Return it as it stands in the list."""
        return dump_json([self.collection, self.id, self.key, self.sha256, self.size_bytes]) + b"\n"


def lines_of(path: Path) -> Iterator[Line]:
    """Yield the lines of a list. Raises BackupDamaged."""
    for line in lines_in(path):
        try:
            collection, id_, key, sha256, size_bytes = json.loads(line)
        except (ValueError, TypeError) as error:
            raise BackupDamaged(f"{path} is not what was written") from error
        yield Line(collection=collection, id=id_, key=key, sha256=sha256, size_bytes=size_bytes)
