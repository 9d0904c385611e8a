"""The outputs of a task as JSON, each kind in a list of its own; beside pictures only as far as there are any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from danqing_plugins import OutputKind
from danqing_server.doors.output_shapes import AudioShape, FileShape, ImageShape, PreviewShape, VideoShape
from danqing_server.http.links import picture_url
from danqing_server.records.outputs import Asset, Output
from danqing_server.records.tasks import Status, Task

__all__ = ["file_views", "image_views", "media_views", "pictures_of", "preview_view"]


def pictures_of(task: Task) -> list[Asset]:
    """Return the pictures of a task that are here, by index."""
    found = [output.asset for output in task.kept if output.asset is not None]
    return [asset for asset in found if asset.kind is OutputKind.IMAGE]


def image_views(base: str, outputs: Iterable[Output]) -> list[ImageShape]:
    """Return the pictures among *outputs*."""
    return [
        _image(base, output.index, output.asset)
        for output in outputs
        if output.asset is not None and output.asset.kind is OutputKind.IMAGE
    ]


def media_views(base: str, outputs: Iterable[Output]) -> dict[str, Any]:
    """Return what is no picture among *outputs*: `videos`, `audios` and `files`, as far as there are any."""
    found: dict[str, Any] = {}
    for output in outputs:
        asset = output.asset
        if asset is not None and asset.kind is not OutputKind.IMAGE:
            member, show = _SHOWN.get(asset.kind, _AS_FILE)
            found.setdefault(member, []).append(show(base, output.index, asset))
    return found


def preview_view(base: str, task: Task) -> PreviewShape | None:
    """Return how far an output is made, while the attempt that shows it runs."""
    found = task.preview
    if found is None or task.status is not Status.PROCESSING or found.attempt != task.attempts:
        return None
    asset = found.asset
    return {
        "index": found.index,
        "url": picture_url(base, asset.key),
        "width": asset.width,
        "height": asset.height,
        "media_type": asset.media_type,
    }


def file_views(base: str, outputs: Iterable[Output]) -> list[FileShape]:
    """Return what is no picture among *outputs*, as files."""
    return [
        _file(base, output.index, output.asset)
        for output in outputs
        if output.asset is not None and output.asset.kind is not OutputKind.IMAGE
    ]


def _image(base: str, index: int, asset: Asset) -> ImageShape:
    return {
        "index": index,
        "url": picture_url(base, asset.key),
        "width": asset.width,
        "height": asset.height,
        "media_type": asset.media_type,
        "size_bytes": asset.size_bytes,
        "sha256": asset.sha256,
    }


def _video(base: str, index: int, asset: Asset) -> VideoShape:
    return {
        "index": index,
        "url": picture_url(base, asset.key),
        "poster_url": None if asset.poster is None else picture_url(base, asset.poster),
        "width": asset.width,
        "height": asset.height,
        "duration_s": asset.duration_s,
        "fps": asset.fps,
        "has_audio": asset.has_audio,
        "media_type": asset.media_type,
        "size_bytes": asset.size_bytes,
        "sha256": asset.sha256,
        "decoded": asset.decoded,
    }


def _audio(base: str, index: int, asset: Asset) -> AudioShape:
    return {
        "index": index,
        "url": picture_url(base, asset.key),
        "duration_s": asset.duration_s,
        "media_type": asset.media_type,
        "size_bytes": asset.size_bytes,
        "sha256": asset.sha256,
        "decoded": asset.decoded,
    }


def _file(base: str, index: int, asset: Asset) -> FileShape:
    return {
        "index": index,
        "kind": asset.kind,
        "url": picture_url(base, asset.key),
        "media_type": asset.media_type,
        "size_bytes": asset.size_bytes,
        "sha256": asset.sha256,
    }


_AS_FILE: tuple[str, Callable[[str, int, Asset], Mapping[str, Any]]] = ("files", _file)
_SHOWN: Mapping[OutputKind, tuple[str, Callable[[str, int, Asset], Mapping[str, Any]]]] = {
    OutputKind.VIDEO: ("videos", _video),
    OutputKind.AUDIO: ("audios", _audio),
}
