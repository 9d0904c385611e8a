"""Proves the stored files against what the documents know of them, and brings back what can be had again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import attrs

from danqing_plugins import Source
from danqing_server.assets.holdings import bring_back, hash_of, is_there
from danqing_server.assets.storage import Assets
from danqing_server.errors import NotFound, StorageUnavailable
from danqing_server.life.billing import maker_of
from danqing_server.records.tasks import Task
from danqing_server.store.dumping import Dump, decoded
from danqing_server.store.named import NAMING, NamedFile, files_named
from danqing_server.store.reading import task_of
from danqing_server.store.tasks import COLLECTION as TASKS

__all__ = ["Finding", "Trouble", "Verified", "verify"]

AT_ONCE = 8
REPORT_EVERY = 10_000
MOST_FINDINGS = 10_000
AGAIN_AFTER_S = (2.0, 10.0)

Report = Callable[[str], None]
"""Is told, in a line for people, how far it is."""


class _Unread(Exception):
    """A file is there, and its storage does not give it."""


class Trouble(StrEnum):
    """What is wrong with a file."""

    MISSING = "missing"
    DAMAGED = "damaged"


@attrs.frozen(kw_only=True)
class Finding:
    """A file that is not as its document says; `repaired`: it is now."""

    trouble: Trouble
    collection: str
    id: str
    key: str
    repaired: bool = False


@attrs.define(kw_only=True)
class Verified:
    """What was found. `findings` has the first ten thousand of all."""

    documents: int = 0
    files: int = 0
    size_bytes: int = 0
    missing: int = 0
    damaged: int = 0
    repaired: int = 0
    findings: list[Finding] = attrs.field(factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every file is as its document says by now."""
        return self.missing + self.damaged == self.repaired

    def note(self, finding: Finding) -> None:
        """Count a file that is, or was, wrong."""
        self.missing += finding.trouble is Trouble.MISSING
        self.damaged += finding.trouble is Trouble.DAMAGED
        self.repaired += finding.repaired
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(finding)


@attrs.define(eq=False)
class _Verification:
    dump: Dump
    assets: Assets
    quick: bool
    repair: bool
    found: Verified = attrs.field(factory=Verified, init=False)
    _unread: list[tuple[str, str, NamedFile]] = attrs.field(factory=list, init=False)
    _places: asyncio.Semaphore = attrs.field(factory=lambda: asyncio.Semaphore(AT_ONCE), init=False)

    async def look_at(self, collection: str, raw: bytes) -> None:
        """Look at the files that one document names."""
        document = decoded(raw)
        self.found.documents += 1
        for file in files_named(collection, document):
            async with self._places:
                await self._prove(collection, document, file)

    async def look_again(self) -> None:
        """Look at what could not be read: a bucket that breaks off each file gives it a little later."""
        for number, pause_s in enumerate(AGAIN_AFTER_S, 1):
            if not self._unread:
                return
            await asyncio.sleep(pause_s)
            unread, self._unread = self._unread, []
            is_last = number == len(AGAIN_AFTER_S)
            for start in range(0, len(unread), AT_ONCE):
                some = unread[start : start + AT_ONCE]
                await asyncio.gather(*(self._look_again_at(*each, is_last=is_last) for each in some))

    async def _look_again_at(self, collection: str, id_: str, file: NamedFile, *, is_last: bool) -> None:
        raw = (await self.dump.find(collection, [id_])).get(id_)
        if raw is not None:
            await self._prove(collection, decoded(raw), file, is_last=is_last)

    async def _prove(
        self, collection: str, document: Mapping[str, Any], file: NamedFile, *, is_last: bool = False
    ) -> None:
        try:
            trouble = await self._trouble_of(file)
        except _Unread:
            if not is_last:
                self._unread.append((collection, document["_id"], file))
                return
            trouble = Trouble.DAMAGED
        self.found.files += 1
        if trouble is None or not await self._is_named_still(collection, document["_id"], file):
            return
        repaired = self.repair and collection == TASKS and await self._mend(document, file)
        self.found.note(
            Finding(trouble=trouble, collection=collection, id=document["_id"], key=file.key, repaired=repaired)
        )

    async def _trouble_of(self, file: NamedFile) -> Trouble | None:
        try:
            if self.quick or file.sha256 is None:
                size_bytes = (await self.assets.describe(file.key)).size_bytes
                is_right = size_bytes == file.size_bytes if file.size_bytes is not None else size_bytes > 0
            else:
                hashed, size_bytes = await hash_of(self.assets, file.key)
                is_right = hashed == file.sha256
        except NotFound:
            return Trouble.MISSING
        except StorageUnavailable as error:
            if await is_there(self.assets.place, file.key):
                raise _Unread from error
            return Trouble.MISSING
        self.found.size_bytes += size_bytes
        return None if is_right else Trouble.DAMAGED

    async def _is_named_still(self, collection: str, id_: str, file: NamedFile) -> bool:
        """Tell whether a file is missed: what was deleted while we looked is not."""
        raw = (await self.dump.find(collection, [id_])).get(id_)
        return raw is not None and file.key in {each.key for each in files_named(collection, decoded(raw))}

    async def _mend(self, document: Mapping[str, Any], file: NamedFile) -> bool:
        """Fetch a picture again from the link that its provider gave, while that lives."""
        task = task_of(document)
        if file.sha256 is None or not isinstance(task, Task):
            return False
        for output in (*task.outputs.values(), *task.late.values()):
            if output.asset is not None and output.asset.key == file.key and output.source_url is not None:
                source = Source(url=output.source_url, kind=output.kind)
                return await bring_back(self.assets, file.key, source, _provider(task, output.index), file.sha256)
        return False


async def verify(
    dump: Dump, assets: Assets, report: Report, *, quick: bool = False, repair: bool = False
) -> Verified:
    """Look at every file that a document names; returns what was found.

    *quick* compares sizes alone. *repair* fetches what is missing or damaged from its provider's link, and keeps
    only what has the very hash that the document knows.

    Raises:
        StoreUnavailable, StorageUnavailable: it could not be looked at to the end.
    """
    verification = _Verification(dump, assets, quick, repair)
    for collection in [name for name in await dump.collections() if name in NAMING]:
        some: list[bytes] = []
        async for raw in dump.documents(collection):
            some.append(raw)
            if len(some) == AT_ONCE:
                await _look_at_all(verification, collection, some)
                some = []
            if verification.found.documents % REPORT_EVERY == 0 and verification.found.documents:
                report(f"{collection}: {verification.found.documents} documents, {verification.found.files} files")
        await _look_at_all(verification, collection, some)
    await verification.look_again()
    return verification.found


async def _look_at_all(verification: _Verification, collection: str, raws: Sequence[bytes]) -> None:
    await asyncio.gather(*(verification.look_at(collection, raw) for raw in raws))


def _provider(task: Task, index: int) -> str:
    return task.provider if task.route is None else task.route.targets[maker_of(task, index)].provider
