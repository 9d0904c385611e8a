"""Names of stored outputs: `<task_id>/<index>-<token>.png`; a video's poster is `<index>-<token>-poster.jpeg`.

A picture that was sent ahead has its upload's id for a folder. A thumbnail is called as its picture, and its width.

A key holds 96 random bits and is shown to nobody but its task's owner: whoever knows it may read the output, as
with a pre-signed URL. Keys are per task, never per content: deleting one task cannot take another's output.
"""

from __future__ import annotations

import re

from danqing_server.assets.signatures import FORMATS
from danqing_server.errors import NotFound
from danqing_server.ids import new_token

__all__ = [
    "ASSET_PATH",
    "check_key",
    "check_task_id",
    "input_key",
    "is_folder",
    "is_shown",
    "key_in_path",
    "media_type_of",
    "output_key",
    "output_of",
    "poster_key",
    "preview_key",
    "thumbnail_key",
    "upload_key",
    "upload_of",
]

ASSET_PATH = "/api/v1/assets/"

_TASK_ID = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}"
_MEDIA_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "avif": "image/avif",
    "heic": "image/heic",
    "heif": "image/heif",
    **FORMATS,
    "weba": "audio/webm",
    "bin": "application/octet-stream",
}
_SHOWN = ("image/", "video/", "audio/")
_OUTPUT = re.compile(r"(.+)/([0-9]{1,4})-[0-9a-f]+\.[a-z0-9]+")
_UPLOAD = re.compile(r"upl_[0-9a-f]{32}")
_THUMBNAIL = re.compile(r"-w[0-9]+\.webp$")
_KEY = re.compile(rf"{_TASK_ID}/[a-z0-9][a-z0-9-]{{0,99}}\.({'|'.join(_MEDIA_TYPES)})")


def output_key(task_id: str, index: int, extension: str, token: str | None = None) -> str:
    """Return a fresh key for output *index* of a task, or its key of *token*."""
    return f"{task_id}/{index}-{token or new_token()}.{extension}"


def output_of(key: str) -> tuple[str, int] | None:
    """Return of which task's which output *key* may be; None when it is of something else."""
    found = _OUTPUT.fullmatch(key)
    return None if found is None or upload_of(key) else (found[1], int(found[2]))


def poster_key(key: str, extension: str) -> str:
    """Return the key of the poster of the video at *key*."""
    return f"{key.rpartition('.')[0]}-poster.{extension}"


def input_key(task_id: str, number: int, extension: str) -> str:
    """Return a fresh key for reference picture *number* of a task."""
    return f"{task_id}/in-{number}-{new_token()}.{extension}"


def preview_key(task_id: str, index: int, extension: str) -> str:
    """Return a fresh key for output *index* of a task as far as it is made."""
    return f"{task_id}/{index}-{new_token()}-preview.{extension}"


def upload_key(upload_id: str, extension: str) -> str:
    """Return a fresh key for the picture of an upload."""
    return f"{upload_id}/0-{new_token()}.{extension}"


def upload_of(name: str) -> str | None:
    """Return the upload's id that *name* is, or whose key it is; None when it is neither."""
    folder = name.partition("/")[0]
    return folder if _UPLOAD.fullmatch(folder) else None


def thumbnail_key(key: str, width: int) -> str:
    """Return the key of the thumbnail of what stands at *key*.

    Raises:
        NotFound: that is one itself, or has no key's form.
    """
    stem = check_key(key).rpartition(".")[0]
    if _THUMBNAIL.search(key):
        raise NotFound("asset", key)
    return f"{stem}-w{width}.webp"


def check_task_id(task_id: str) -> str:
    """Return *task_id* when it can be a folder's name.

    Raises:
        ValueError: it cannot (a programming error: the server makes these ids).
    """
    if not is_folder(task_id):
        raise ValueError(f"{task_id!r} cannot name a folder")
    return task_id


def is_folder(name: str) -> bool:
    """Tell whether *name* can be that of a task's or an upload's folder."""
    return re.fullmatch(_TASK_ID, name) is not None


def check_key(key: str) -> str:
    """Return *key* when it has a key's form, so that no path outside the storage is ever asked for.

    Raises:
        NotFound: it has not, hence nothing can be stored there.
    """
    if not _KEY.fullmatch(key):
        raise NotFound("asset", key[:200])
    return key


def key_in_path(path: str) -> str | None:
    """Return the key in a URL's *path* `/api/v1/assets/<key>`; None when it is no such path."""
    key = path.removeprefix(ASSET_PATH)
    return key if key != path and _KEY.fullmatch(key) else None


def media_type_of(key: str) -> str:
    """Return the media type that a key's extension stands for; the extension came from the bytes themselves."""
    return _MEDIA_TYPES[key.rpartition(".")[2]]


def is_shown(media_type: str) -> bool:
    """Tell whether a browser may show what is of *media_type* by itself; the rest is for saving."""
    return media_type.startswith(_SHOWN)
