"""Pictures that clients send ahead of their tasks: taken in, found again, let go.

A task that refers to one gets a copy of its own (a second name where the storage is a folder), so that neither the
upload's end nor its owner's DELETE takes anything from a task that waits.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import attrs

from danqing_plugins import Message, Problem
from danqing_server.access.caller import Caller
from danqing_server.assets.headroom import Headroom
from danqing_server.assets.incoming import Incoming
from danqing_server.assets.keys import key_in_path, upload_key, upload_of
from danqing_server.assets.references import ParsedReference
from danqing_server.assets.storage import Assets
from danqing_server.assets.turns import Turns
from danqing_server.clock import Clock
from danqing_server.errors import Conflict, InvalidSubmission, NotFound, StorageUnavailable, StoreUnavailable
from danqing_server.ids import new_id
from danqing_server.log import get_logger
from danqing_server.records.uploads import Upload
from danqing_server.store.reach import Reach
from danqing_server.store.uploads import UploadStore

__all__ = ["SWEEP_EVERY_S", "Uploads"]

SWEEP_EVERY_S = 600.0
SWEPT_AT_ONCE = 200

FULL = Message(
    key="uploads_full",
    en="this project keeps {count} uploads, as many as it may ({most}, DANQING_MAX_UPLOADS): delete some, or wait "
    "until they expire",
    zh="此项目已保存 {count} 个上传文件，达到上限（{most}，DANQING_MAX_UPLOADS）；请删除一些，或等待其过期",
)
UNKNOWN = Message(
    key="unknown_upload",
    en="there is no upload of this id; it may have expired",
    zh="没有此 id 的上传文件，可能已过期",
)

log = get_logger(__name__)


@attrs.define(kw_only=True, eq=False)
class Uploads:
    """The uploads of all projects. One stays for `kept_s` after it was sent or used last; a project has `most`.

    Projects take turns at having theirs checked.
    """

    store: UploadStore
    assets: Assets
    clock: Clock
    headroom: Headroom
    kept_s: float
    most: int
    _turns: Turns = attrs.field(factory=lambda: Turns(os.cpu_count() or 1), init=False)

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[Incoming]:
        """Take a picture in, a piece at a time; what was not kept when the block ends is forgotten.

        Raises StorageFull.
        """
        self.headroom.require()
        async with self.assets.partial() as partial:
            yield Incoming(self.assets, partial)

    async def keep(self, incoming: Incoming, caller: Caller) -> tuple[Upload, bool]:
        """Check what was received and keep it; False beside it: the project had it already.

        Raises:
            PictureRejected: it is no picture, not whole, or too large.
            Conflict: the project may keep no more.
        """
        await incoming.flush()  # those that wait for their turn wait on the disk
        async with self._turns.turn(caller.project):
            known = await incoming.check()
        now = self.clock.now()
        same = await self.store.use_same(caller.owner, incoming.sha256, self._until(now))
        if same is not None:
            if not await self._is_there(same):
                await incoming.keep(same.key, known)
            return same, False
        upload_id = f"upl_{new_id(self.clock.now_ms())}"
        upload = Upload(
            id=upload_id,
            owner=caller.owner,
            key=upload_key(upload_id, known.extension),
            sha256=incoming.sha256,
            media_type=known.media_type,
            width=known.width,
            height=known.height,
            size_bytes=incoming.size_bytes,
            created_at=now,
            expires_at=self._until(now),
        )
        await self.store.announce(upload, now)
        await self._require_room(upload)
        try:
            await incoming.keep(upload.key, known)
        except StorageUnavailable:
            with suppress(StoreUnavailable):  # else it is half made for an hour, and counts among what may be kept
                await self.store.condemn_any(upload.id, now)
            raise
        if await self.store.publish(upload):
            return upload, True
        # Another request sent the same at the same time, and was faster.
        same = await self.store.use_same(caller.owner, upload.sha256, upload.expires_at)
        if same is None:
            return await self._published_after_all(upload)
        await self._remove(upload.id)
        return same, False

    async def find(self, upload_id: str, caller: Caller) -> Upload:
        """Return an upload of the caller's project. Raises NotFound."""
        found = await self.store.find(upload_id, caller.reach, self.clock.now())
        if found is None:
            raise NotFound("upload", upload_id)
        return found

    async def page(self, caller: Caller, limit: int, before_id: str | None) -> list[Upload]:
        """Return the project's uploads, the youngest first."""
        return await self.store.page(caller.reach, self.clock.now(), limit, before_id)

    async def delete(self, upload_id: str, caller: Caller) -> None:
        """Remove an upload; tasks keep their copies. Raises NotFound."""
        if not await self.store.condemn(upload_id, caller.reach, self.clock.now()):
            raise NotFound("upload", upload_id)
        await self._remove(upload_id)

    async def erase(self, upload_id: str) -> None:
        """Remove an upload whosever it is, also one that is half made. Idempotent."""
        await self.store.condemn_any(upload_id, self.clock.now())
        await self._remove(upload_id)

    async def resolve(self, parsed: Sequence[ParsedReference], caller: Caller) -> list[ParsedReference]:
        """Turn the ids of uploads into their pictures; what is used stays longer, under whatever name it is used.

        Raises:
            InvalidSubmission: with every id that is none of the project's.
        """
        problems: list[Problem] = []
        resolved = [await self._resolve(each, caller, problems) for each in parsed]
        if problems:
            raise InvalidSubmission(problems)
        return resolved

    async def sweep(self) -> None:
        """Remove what has expired, and what a death left half made or half removed."""
        now, count = self.clock.now(), 0
        while expired := await self.store.expired(now, SWEPT_AT_ONCE):
            for upload_id in expired:
                if await self.store.condemn_expired(upload_id, now):
                    await self._remove(upload_id)
            count += len(expired)
            if len(expired) < SWEPT_AT_ONCE:
                break
        if count:
            log.info("uploads_swept", count=count)

    async def _resolve(self, parsed: ParsedReference, caller: Caller, problems: list[Problem]) -> ParsedReference:
        reference, now = parsed.reference, self.clock.now()
        if parsed.upload is None:
            # Its address is a permission of its own, like every picture's: nobody is asked whose it is.
            upload_id = upload_of(reference.asset or key_in_path(urlsplit(reference.url or "").path) or "")
            if upload_id is not None:
                await self.store.use(upload_id, Reach.everybody(), now, self._until(now))
            return parsed
        found = await self.store.use(parsed.upload, caller.reach, now, self._until(now))
        if found is None:
            problems.append(Problem(field=reference.field, message=UNKNOWN(), value=parsed.upload))
            return parsed
        known = attrs.evolve(
            reference,
            asset=found.key,
            media_type=found.media_type,
            width=found.width,
            height=found.height,
            size_bytes=found.size_bytes,
        )
        return ParsedReference(reference=known)

    async def _is_there(self, upload: Upload) -> bool:
        """Tell whether the storage has the file of an upload, by its size: whoever sends it again has it."""
        try:
            return (await self.assets.describe(upload.key)).size_bytes == upload.size_bytes
        except NotFound:
            return False

    async def _require_room(self, announced: Upload) -> None:
        """Let an upload go again for which there is no room: those that are on their way count, too."""
        count = await self.store.count(announced.owner, self.clock.now(), self.most + 1)
        if count > self.most:
            await self.store.forget(announced.id)
            raise Conflict(FULL(count=self.most, most=self.most), code="uploads_full")

    async def _published_after_all(self, upload: Upload) -> tuple[Upload, bool]:
        """The faster one is gone again."""
        if await self.store.publish(upload):
            return upload, True
        raise NotFound("upload", upload.id)

    async def _remove(self, upload_id: str) -> None:
        await self.assets.delete_task(upload_id)
        await self.store.forget(upload_id)

    def _until(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.kept_s)
