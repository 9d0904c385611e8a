"""What a request that failed is answered."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from danqing_server.http.shapes import said

__all__ = ["DetailShape", "ErrorShape", "PollErrorShape", "ToldShape"]


class DetailShape(TypedDict):
    """One field that is wrong."""

    field: Annotated[str, said("its name, as it was sent", "size")]
    code: Annotated[str | None, said("stable; null for a plugin's own words", "not_text")]
    message: Annotated[str, said("in the client's language", "必须是字符串")]
    value: Annotated[object, said("what was sent, shortened; null for a prompt", 5)]


class PollErrorShape(TypedDict):
    """Why a poll failed, where a poll looks for it."""

    code: Annotated[str, said("stable", "task_not_found")]
    message: Annotated[str, said("in the client's language", "任务不存在")]
    retryable: Annotated[bool, said("whether the same request may succeed later", False)]


class ToldShape(TypedDict):
    """On the result route: what a poll is told, whatever happened."""

    task_id: Annotated[str, said("as it was asked for, shortened", "volcengine_img_019ab3f2c1d4")]
    status: Annotated[str, said("go on, or give up", "failed", enum=["processing", "failed"])]
    message: NotRequired[Annotated[str, said("while it is worth asking again")]]
    error: NotRequired[Annotated[PollErrorShape, said("when it is not")]]


class ErrorShape(TypedDict):
    """Every error: what the old server's clients read, and the members of RFC 9457."""

    success: Annotated[bool, said("always false", False)]
    error: Annotated[str, said("short", "请求参数验证失败")]
    message: Annotated[str, said("in detail", "size: 必须是字符串")]
    code: Annotated[str, said("stable", "validation_failed")]
    type: Annotated[str, said("where the code is explained", "/docs/errors#validation_failed")]
    title: Annotated[str, said("short, as `error`", "请求参数验证失败")]
    status: Annotated[int, said("the HTTP status", 400)]
    retryable: Annotated[bool, said("whether the same request may succeed later", False)]
    request_id: Annotated[str, said("quote it in a report", "k7m2p9qxw4et6bz3")]
    details: Annotated[list[DetailShape], said("one for each field that is wrong", [])]
    data: NotRequired[ToldShape]
