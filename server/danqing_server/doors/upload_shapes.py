"""What is sent of uploads."""

from __future__ import annotations

from typing import Annotated, TypedDict

from danqing_server.http.shapes import Moment, said

__all__ = ["UploadListShape", "UploadShape"]

UPLOAD_ID = "^upl_[0-9a-f]{32}$"


class UploadShape(TypedDict):
    """A picture that was sent ahead, to be referred to by tasks."""

    id: Annotated[str, said("opaque", "upl_019ab3f2c1d41f0a9c2d7e6b5a403928", pattern=UPLOAD_ID)]
    uri: Annotated[
        str,
        said(
            "what a reference picture may be, in every door; it means something in this project alone",
            "upload://upl_019ab3f2c1d41f0a9c2d7e6b5a403928",
        ),
    ]
    url: Annotated[
        str,
        said(
            "where the picture is; whoever knows it may look at it, and may refer to it",
            "http://localhost:8080/api/v1/assets/upl_019ab3f2c1d41f0a9c2d7e6b5a403928/0-5c1e0f9a7b3d2e4f6a8b0c1d.png",
        ),
    ]
    path: Annotated[
        str,
        said(
            "the same without scheme and host",
            "/api/v1/assets/upl_019ab3f2c1d41f0a9c2d7e6b5a403928/0-5c1e0f9a7b3d2e4f6a8b0c1d.png",
        ),
    ]
    media_type: Annotated[str, said("by the picture's own bytes", "image/png")]
    width: Annotated[int, said("pixels", 1024)]
    height: Annotated[int, said("pixels", 1024)]
    size_bytes: Annotated[int, said("", 245_123)]
    sha256: Annotated[
        str, said("of the bytes as sent", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
    ]
    created_at: Moment
    expires_at: Annotated[Moment, said("later whenever it is sent again, or used", "2026-12-01T02:00:00Z")]


class UploadListShape(TypedDict):
    """Uploads, the youngest first."""

    uploads: list[UploadShape]
    count: Annotated[int, said("on this page", 1)]
    next_cursor: Annotated[str | None, said("null on the last page", None)]
