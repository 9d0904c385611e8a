"""Pictures as JSON, and as archives with what made them beside each."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from danqing_plugins import OutputKind
from danqing_server.assets.keys import ASSET_PATH
from danqing_server.assets.storage import Assets
from danqing_server.codec.bodies import dump_json
from danqing_server.desk.pictures import Picture
from danqing_server.doors.archives import extension_of, stored_member
from danqing_server.doors.picture_shapes import PictureShape
from danqing_server.doors.rows import prompt_of
from danqing_server.doors.views import Viewer
from danqing_server.http.links import picture_url
from danqing_server.http.zips import Member, safe_name

__all__ = ["DEFAULT_NAME", "WORDS", "archived", "picture_view", "words_of"]

DEFAULT_NAME = "{date}-{model}-{prompt}-{n}"
WORDS = ("n", "date", "time", "model", "prompt", "user", "task", "index", "width", "height")
MISSING = "missing.json"
LONGEST_PROMPT = 40

_WORD = re.compile(r"\{([^{}]*)\}")


def picture_view(picture: Picture, viewer: Viewer) -> PictureShape:
    """Return a picture."""
    task, index, asset = picture.task, picture.index, picture.asset
    return {
        "id": picture.id,
        "task_id": task.id,
        "index": index,
        "of": task.images,
        "kind": asset.kind,
        "url": picture_url(viewer.base, asset.key),
        "path": f"{ASSET_PATH}{asset.key}",
        "has_thumbnail": asset.kind is OutputKind.IMAGE or asset.poster is not None,
        "width": asset.width,
        "height": asset.height,
        "colour": asset.colour,
        "duration_s": asset.duration_s,
        "media_type": asset.media_type,
        "size_bytes": asset.size_bytes,
        "sha256": asset.sha256,
        "starred": index in task.stars,
        "prompt": prompt_of(task),
        "provider": task.provider,
        "model": task.model,
        "user_id": task.user_id,
        "sandbox": viewer.is_sandbox(task),
        "created_at": task.created_at,
    }


def words_of(template: str) -> list[str]:
    """Return the words that stand in braces in *template*."""
    return _WORD.findall(template)


async def archived(
    pictures: Sequence[Picture],
    missing: Sequence[str],
    template: str,
    assets: Assets,
    viewer: Viewer,
    window_bytes: Callable[[], int],
) -> AsyncGenerator[Member, None]:
    """Yield each picture, and beside it as JSON what made it; at last the ids that are *missing*, if any are."""
    names = {MISSING.partition(".")[0]}
    gone = list(missing)
    for number, picture in enumerate(pictures, 1):
        asset = picture.asset
        stem = _free(_stem(template, picture, number, len(pictures)), names)
        name = f"{stem}.{extension_of(asset)}"
        member = await stored_member(assets, asset, name, picture.task.created_at, window_bytes)
        if member is None:
            gone.append(picture.id)
            continue
        yield member
        if member.is_gone:
            gone.append(picture.id)
            continue
        yield _as_json(f"{stem}.json", _settings(picture, viewer), picture)
    if gone and pictures:
        yield _as_json(MISSING, {"missing": gone}, pictures[0])


def _stem(template: str, picture: Picture, number: int, count: int) -> str:
    task, index, asset = picture.task, picture.index, picture.asset
    values: Mapping[str, Any] = {
        "n": f"{number:0{max(3, len(str(count)))}}",
        "date": f"{task.created_at:%Y-%m-%d}",
        "time": f"{task.created_at:%H%M%S}",
        "model": task.model,
        "prompt": (prompt_of(task) or "")[:LONGEST_PROMPT],
        "user": task.user_id,
        "task": task.id,
        "index": index,
        "width": asset.width,
        "height": asset.height,
    }
    return safe_name(_WORD.sub(lambda found: str(values[found[1]]), template))


def _free(stem: str, taken: set[str]) -> str:
    """Return *stem*, or what it is called beside those that are *taken*; some systems tell no letters by size."""
    name, number = stem, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name.lower())
    return name


def _settings(picture: Picture, viewer: Viewer) -> dict[str, Any]:
    shown = viewer.task(picture.task)
    members = (
        "id",
        "provider",
        "model",
        "route",
        "type",
        "user_id",
        "input",
        "created_at",
        "completed_at",
        "sandbox",
    )
    made_by: dict[str, Any] = {name: shown.get(name) for name in members}
    return {"picture": dict(picture_view(picture, viewer)), "task": made_by}


def _as_json(name: str, value: Any, picture: Picture) -> Member:
    body = dump_json(value)

    async def once() -> AsyncGenerator[bytes, None]:
        yield body

    return Member(name=name, size_bytes=len(body), at=picture.task.created_at, chunks=once())
