"""Takes a backup: the documents first, then the pictures that they name.

A picture is there before a document names it and goes after no document does, so what the documents name is found,
but for what was deleted meanwhile. Such a document is read again: it is gone, and struck from the backup, or it
names other files now, and counts as it is now.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import attrs

from danqing_server.assets.storage import Assets
from danqing_server.backup.copying import Copied, Copier
from danqing_server.backup.errors import BackupError
from danqing_server.backup.files import SealedFile, documents_in, grouped
from danqing_server.backup.listing import Line
from danqing_server.backup.manifest import FileRecord, Manifest, SetRecord
from danqing_server.backup.names import KnownNames
from danqing_server.backup.repository import PARTIAL, Repository
from danqing_server.clock import Clock
from danqing_server.loops.steps import step
from danqing_server.store.dumping import Dump, decoded
from danqing_server.store.named import NAMING, files_named
from danqing_server.store.reading import SCHEMA_VERSION

__all__ = ["Report", "take"]

DOCUMENTS_AT_ONCE = 64
MOST_MISSED = 100_000
"""Documents that are there still and of which a picture is not; more say that the storage is another one."""
ROUNDS = 3

Report = Callable[[str], None]
"""Is told, in a line for people, how far a backup or a restore is."""


@attrs.define(eq=False)
class _Missed:
    """The documents of a collection of which a picture was not there: `there` still, or `gone` themselves since.

    They are looked for again as they come: of those that go, as many may as like.
    """

    name: str
    dump: Dump
    most: int
    there: list[str] = attrs.field(factory=list, init=False)
    gone: list[str] = attrs.field(factory=list, init=False)
    _new: list[str] = attrs.field(factory=list, init=False)

    async def note(self, id_: str) -> None:
        """Take one in. Raises BackupError: too many of them are there."""
        self._new.append(id_)
        if len(self._new) >= DOCUMENTS_AT_ONCE:
            await self.look()

    async def look(self) -> None:
        """See which are there. Raises what `note` does."""
        found = await self.dump.find(self.name, self._new) if self._new else {}
        for id_ in self._new:
            (self.there if id_ in found else self.gone).append(id_)
        self._new.clear()
        if len(self.there) > self.most:
            raise BackupError(
                f"the pictures of {len(self.there)} documents are not in the storage: "
                "DANQING_ASSETS_URL and DANQING_DATA_DIR have to be those of the server"
            )


@attrs.define(eq=False)
class _Taking:
    """One backup under way."""

    repository: Repository
    folder: Path
    dump: Dump
    copier: Copier
    pictures: SealedFile
    again: SealedFile
    report: Report
    most_missed: int
    picture_bytes: int = 0
    lost: list[str] = attrs.field(factory=list)

    @step("backup.documents")
    async def dump_set(self, name: str) -> SetRecord:
        """Write the documents of a collection."""
        self.report(f"documents of {name}")
        indexes = await self.dump.indexes(name)
        with SealedFile(self.folder / f"{name}.bson.gz") as file:
            async for raw in self.dump.documents(name):
                file.add(raw)
            return SetRecord(name=name, file=await asyncio.to_thread(file.seal), indexes=tuple(indexes))

    @step("backup.pictures")
    async def bring_pictures(self, set_: SetRecord) -> SetRecord:
        """Bring what the documents of a collection name; those of which something is not there are read again."""
        if set_.name not in NAMING:
            return set_
        self.report(f"pictures of {set_.name}")
        missed = _Missed(set_.name, self.dump, self.most_missed)
        for raws in grouped(documents_in(self.folder / set_.file.name), DOCUMENTS_AT_ONCE):
            for id_, files in await self._bring(set_.name, raws):
                if any(file.sha256 is None for file in files):
                    await missed.note(id_)
                else:
                    self._list(self.pictures, set_.name, id_, files)
        await missed.look()
        return await self._read_again(set_, missed)

    @step("backup.publish")
    async def publish(self, manifest: Manifest) -> None:
        """Give the backup its name."""
        await asyncio.to_thread(self.repository.publish, self.folder, manifest)

    async def describe(self, sets: Sequence[SetRecord], began_at: datetime, clock: Clock) -> Manifest:
        """Return what the backup is, all of whose documents and pictures are there."""
        pictures: FileRecord = await asyncio.to_thread(self.pictures.seal)
        again: FileRecord = await asyncio.to_thread(self.again.seal)
        return Manifest(
            id=self.folder.name.removesuffix(PARTIAL),
            began_at=_text(began_at),
            ended_at=_text(clock.now()),
            release=importlib.metadata.version("danqing"),
            schema=SCHEMA_VERSION,
            mongodb=await self.dump.server_version(),
            database=self.dump.database.name,
            cut="ordered" if self.dump.session is None else "snapshot",
            sets=tuple(sets),
            pictures=pictures,
            pictures_again=again,
            picture_bytes=self.picture_bytes,
            new_pictures=self.copier.copied,
            new_bytes=self.copier.copied_bytes,
            lost=tuple(self.lost),
        )

    async def _bring(self, name: str, raws: Iterable[bytes]) -> list[tuple[str, list[Copied]]]:
        documents = [decoded(raw) for raw in raws]
        named = [files_named(name, document) for document in documents]
        brought = [asyncio.gather(*map(self.copier.bring, files)) for files in named]
        found = await asyncio.gather(*brought)
        return [(document["_id"], list(files)) for document, files in zip(documents, found, strict=True)]

    async def _read_again(self, set_: SetRecord, missed: _Missed) -> SetRecord:
        """Return the collection with documents as they are now, and without those that are gone."""
        if not missed.there:
            return attrs.evolve(set_, struck=tuple(missed.gone))
        now: dict[str, bytes] = {}
        replaced: list[str] = []
        with SealedFile(self.folder / f"{set_.name}-again.bson.gz") as file:
            for ids in grouped(missed.there, DOCUMENTS_AT_ONCE):
                now = await self.dump.find(set_.name, ids)
                for id_, raw in now.items():
                    file.add(await self._settle(set_.name, id_, raw))
                replaced += now
            again = await asyncio.to_thread(file.seal)
        struck = (*missed.gone, *set(missed.there).difference(replaced))
        return attrs.evolve(set_, again=again, replaced=tuple(replaced), struck=struck)

    async def _settle(self, name: str, id_: str, raw: bytes) -> bytes:
        """Return a document whose files are here; those that did not go with a change of it are lost."""
        files: list[Copied] = []
        for _ in range(ROUNDS):
            files = (await self._bring(name, [raw]))[0][1]
            if all(file.sha256 is not None for file in files):
                break
            raw = (await self.dump.find(name, [id_])).get(id_, raw)
        self.lost += [file.key for file in files if file.sha256 is None]
        self._list(self.again, name, id_, files)
        return raw

    def _list(self, into: SealedFile, name: str, id_: str, files: Iterable[Copied]) -> None:
        for file in files:
            line = Line(collection=name, id=id_, key=file.key, sha256=file.sha256, size_bytes=file.size_bytes)
            into.add(line.written())
            self.picture_bytes += 0 if file.sha256 is None else file.size_bytes


async def take(
    repository: Repository,
    dump: Dump,
    assets: Assets,
    clock: Clock,
    report: Report,
    *,
    most_missed: int = MOST_MISSED,
) -> Manifest:
    """Take a backup into a repository that is locked, and return what it is.

    Of more than *most_missed* documents with a picture that is not there the storage is taken for another one.

    Raises:
        StoreUnavailable, StorageUnavailable: nothing is published; the next one goes on with the pictures.
        BackupError: the repository cannot be written, or the storage is not that of the documents.
    """
    began_at = clock.now()
    folder = await asyncio.to_thread(repository.begin, began_at)
    try:
        with (
            KnownNames.open(repository.folder / "names.sqlite") as known,
            SealedFile(folder / "pictures.jsonl.gz") as pictures,
            SealedFile(folder / "pictures-again.jsonl.gz") as again,
        ):
            copier = Copier(repository, assets, known)
            taking = _Taking(repository, folder, dump, copier, pictures, again, report, most_missed)
            dumped = [await taking.dump_set(name) for name in await dump.collections()]
            sets = [await taking.bring_pictures(each) for each in dumped]
            manifest = await taking.describe(sets, began_at, clock)
            await taking.publish(manifest)
    except OSError as error:
        raise BackupError(f"{str(repository.folder)!r}: {error.strerror or error}") from error
    return manifest


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
