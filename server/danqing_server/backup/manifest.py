"""What a backup says of itself: the file `manifest.json`, which is written last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from danqing_server.backup.errors import BackupDamaged, BackupError
from danqing_server.codec.bodies import dump_json
from danqing_server.codec.documents import from_document, value_of

__all__ = ["FORMAT", "MANIFEST", "FileRecord", "Manifest", "SetRecord"]

FORMAT = 1
MANIFEST = "manifest.json"


@attrs.frozen(kw_only=True)
class FileRecord:
    """A file beside the manifest: `entries` documents or lines, compressed by gzip; `sha256` is of the file."""

    name: str
    sha256: str
    size_bytes: int
    entries: int


@attrs.frozen(kw_only=True)
class SetRecord:
    """One collection: its documents, and those that were read `again` since pictures of theirs had gone.

    `struck` are the ids of documents that were deleted while the backup was taken: they are not part of it.
    `indexes` are what MongoDB makes its indexes by.
    """

    name: str
    file: FileRecord
    indexes: tuple[Mapping[str, Any], ...] = ()
    again: FileRecord | None = None
    replaced: tuple[str, ...] = ()
    struck: tuple[str, ...] = ()

    @property
    def skipped(self) -> frozenset[str]:
        """The ids of documents in `file` that do not count."""
        return frozenset((*self.replaced, *self.struck))


@attrs.frozen(kw_only=True)
class Manifest:
    """A whole backup. Moments are ISO 8601, UTC; those of documents are no older than `began_at`.

    `cut` is `snapshot` when all documents are of one moment, else `ordered`. `pictures` lists the files, of
    documents in the order of these; `pictures_again` those of documents that were read again. `lost` are keys that
    the storage did not have, or not as they had been stored, though documents named them.
    """

    id: str
    began_at: str
    ended_at: str
    release: str
    schema: int
    mongodb: str
    database: str
    cut: str
    sets: tuple[SetRecord, ...]
    pictures: FileRecord
    pictures_again: FileRecord
    picture_bytes: int
    new_pictures: int
    new_bytes: int
    lost: tuple[str, ...] = ()
    format: int = FORMAT

    @property
    def documents(self) -> int:
        """How many documents are part of it."""
        return sum(each.file.entries - len(each.struck) for each in self.sets)

    def sealed(self) -> bytes:
        """Return what `read` reads: it vouches for itself, and by its hashes for all other files."""
        body = dump_json(attrs.asdict(self, value_serializer=_plain))
        return dump_json({"manifest": body.decode(), "sha256": hashlib.sha256(body).hexdigest()})

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Return the manifest in *folder*. Raises BackupDamaged, BackupError for one of a later release."""
        path = folder / MANIFEST
        try:
            outer = json.loads(path.read_bytes())
            body = outer["manifest"].encode()
            if hashlib.sha256(body).hexdigest() != outer["sha256"]:
                raise BackupDamaged(f"{path} is not what was written")
            said = json.loads(body)
        except OSError as error:
            raise BackupDamaged(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackupDamaged(f"{path} is no manifest") from error
        if said.get("format") != FORMAT:
            raise BackupError(f"{path} has format {said.get('format')!r}; this release reads {FORMAT}")
        return from_document(cls, said)


def _plain(_owner: type | None, _field: Any, value: Any) -> Any:
    return value_of(value)
