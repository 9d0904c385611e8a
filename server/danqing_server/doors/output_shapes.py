"""What is sent of a task's outputs."""

from __future__ import annotations

from typing import Annotated, TypedDict

from danqing_plugins import OutputKind
from danqing_server.http.shapes import said

__all__ = ["EXAMPLE_ID", "EXAMPLE_LINK", "AudioShape", "FileShape", "ImageShape", "PreviewShape", "VideoShape"]

EXAMPLE_ID = "volcengine_img_019ab3f2c1d4k7m2p9qxw4et6bz3"
EXAMPLE_LINK = f"http://localhost:8080/api/v1/assets/{EXAMPLE_ID}/0-4hq7mz2kx6vt.png"
_VIDEO_LINK = f"http://localhost:8080/api/v1/assets/{EXAMPLE_ID}/0-4hq7mz2kx6vt.mp4"
_POSTER_LINK = f"http://localhost:8080/api/v1/assets/{EXAMPLE_ID}/0-4hq7mz2kx6vt-poster.jpeg"
_PREVIEW_LINK = f"http://localhost:8080/api/v1/assets/{EXAMPLE_ID}/0-4hq7mz2kx6vt-preview.jpeg"
_AUDIO_LINK = f"http://localhost:8080/api/v1/assets/{EXAMPLE_ID}/0-4hq7mz2kx6vt.mp3"
_MODEL_LINK = f"http://localhost:8080/api/v1/assets/{EXAMPLE_ID}/0-4hq7mz2kx6vt.glb"
_SHA256 = "9f2feb0f1ef425b292f2f94bc8482494df430413b4e2d0d4a7d8f0b4d2a6c1e7"


class ImageShape(TypedDict):
    """A picture that is ours."""

    index: Annotated[int, said("its place among the task's pictures, from 0", 0)]
    url: Annotated[str, said("stays readable until the task is deleted", EXAMPLE_LINK)]
    width: Annotated[int, said("pixels", 1024)]
    height: Annotated[int, said("pixels", 1024)]
    media_type: Annotated[str, said("what its bytes are", "image/png")]
    size_bytes: Annotated[int, said("bytes", 1482210)]
    sha256: Annotated[str, said("hexadecimal", _SHA256)]


class VideoShape(TypedDict):
    """A video that is ours."""

    index: Annotated[int, said("its place among the task's outputs, from 0", 0)]
    url: Annotated[str, said("stays readable until the task is deleted; takes ranges", _VIDEO_LINK)]
    poster_url: Annotated[str | None, said("a still picture of it; null when none could be made", _POSTER_LINK)]
    width: Annotated[int, said("pixels, as it is shown", 1280)]
    height: Annotated[int, said("pixels, as it is shown", 720)]
    duration_s: Annotated[float | None, said("seconds; null when unknown", 5.042)]
    fps: Annotated[float | None, said("pictures a second; null when unknown", 24.0)]
    has_audio: Annotated[bool, said("whether it has sound", True)]
    media_type: Annotated[str, said("what its bytes are", "video/mp4")]
    size_bytes: Annotated[int, said("bytes", 3511842)]
    sha256: Annotated[str, said("hexadecimal", _SHA256)]
    decoded: Annotated[bool, said("proved whole by decoding; else by its structure alone", True)]


class AudioShape(TypedDict):
    """A sound that is ours."""

    index: Annotated[int, said("its place among the task's outputs, from 0", 0)]
    url: Annotated[str, said("stays readable until the task is deleted; takes ranges", _AUDIO_LINK)]
    duration_s: Annotated[float | None, said("seconds; null when unknown", 12.5)]
    media_type: Annotated[str, said("what its bytes are", "audio/mpeg")]
    size_bytes: Annotated[int, said("bytes", 200412)]
    sha256: Annotated[str, said("hexadecimal", _SHA256)]
    decoded: Annotated[bool, said("proved whole by decoding; else by its structure alone", True)]


class FileShape(TypedDict):
    """Another output that is ours: a 3D model, a file; it is sent for saving."""

    index: Annotated[int, said("its place among the task's outputs, from 0", 0)]
    kind: Annotated[OutputKind, said("what it is", "model")]
    url: Annotated[str, said("stays readable until the task is deleted", _MODEL_LINK)]
    media_type: Annotated[str, said("what its bytes are", "model/gltf-binary")]
    size_bytes: Annotated[int, said("bytes", 2100480)]
    sha256: Annotated[str, said("hexadecimal", _SHA256)]


class PreviewShape(TypedDict):
    """An output as far as it is made, while its task is under way; the next one has another URL."""

    index: Annotated[int, said("its place among the task's outputs, from 0", 0)]
    url: Annotated[str, said("readable until there is another, or the output itself", _PREVIEW_LINK)]
    width: Annotated[int, said("pixels", 512)]
    height: Annotated[int, said("pixels", 512)]
    media_type: Annotated[str, said("what its bytes are", "image/jpeg")]
