"""The one table that says which HTTP answer each error becomes."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from sanic import exceptions as sanic_errors

from danqing_plugins import Message
from danqing_server import errors

__all__ = ["BAD_REQUEST", "OVERLOADED_SERVER", "PROBLEMS", "UNEXPECTED", "HeadTooLarge", "Kind"]


@attrs.frozen(kw_only=True)
class Kind:
    """What one class of errors becomes. `retryable`: the same request may succeed later."""

    status: int
    code: str
    title: Message
    message: Message
    retryable: bool = False


def _kind(status: int, code: str, zh: str, en: str, why_zh: str, why_en: str, *, retryable: bool = False) -> Kind:
    title = Message(key=code, zh=zh, en=en)
    message = Message(key=f"{code}.why", zh=why_zh, en=why_en)
    return Kind(status=status, code=code, title=title, message=message, retryable=retryable)


UNEXPECTED = _kind(
    500, "internal_error", "服务器内部错误", "Internal server error",
    "服务器出现意外错误，请稍后重试，并向管理员提供 request_id",
    "Something unexpected happened; quote the request_id.",
    retryable=True,
)  # fmt: skip
BAD_REQUEST = _kind(
    400, "bad_request", "请求格式错误", "Bad request", "请求不是有效的 HTTP 请求", "This is no valid HTTP request."
)
UNAUTHENTICATED = _kind(
    401, "unauthenticated", "未认证", "Unauthenticated",
    "请在请求头中提供有效的 API 密钥：Authorization: Bearer <key>",
    "Send a valid API key: Authorization: Bearer <key>.",
)  # fmt: skip
UNAVAILABLE = _kind(
    503, "service_unavailable", "服务暂时不可用", "Service unavailable",
    "服务暂时不可用，请稍后重试", "The service does not answer at the moment; try again.", retryable=True,
)  # fmt: skip
OVERLOADED_SERVER = _kind(
    503, "overloaded", "服务器繁忙", "Server overloaded",
    "服务器已达到上限，请稍后重试", "The server has reached a limit; try again later.", retryable=True,
)  # fmt: skip


class HeadTooLarge(sanic_errors.SanicException):
    """The request line and headers are larger than Sanic reads."""


PROBLEMS: Mapping[type[BaseException], Kind] = {
    errors.DanqingError: UNEXPECTED,
    errors.SettingsError: UNEXPECTED,
    errors.ServiceUnavailable: UNAVAILABLE,
    errors.StoreUnavailable: _kind(
        503, "store_unavailable", "数据库暂时不可用", "Database unavailable",
        "MongoDB 未在限定时间内响应，请稍后重试", "MongoDB did not answer in time; try again.", retryable=True,
    ),
    errors.QueueUnavailable: _kind(
        503, "queue_unavailable", "队列暂时不可用", "Queue unavailable",
        "Redis 未在限定时间内响应，请稍后重试", "Redis did not answer in time; try again.", retryable=True,
    ),
    errors.StorageUnavailable: _kind(
        503, "storage_unavailable", "存储暂时不可用", "Storage unavailable",
        "存储暂时不可用，请稍后重试", "The storage does not work at the moment; try again.",
        retryable=True,
    ),
    errors.StorageFull: _kind(
        503, "disk_full", "存储空间不足", "Storage full",
        "磁盘空间不足，暂不接受新内容，请稍后重试",
        "The disk is nearly full: nothing new is taken in; try again later.",
        retryable=True,
    ),
    errors.Draining: _kind(
        503, "draining", "服务正在停止", "Server stopping",
        "此进程正在停止，请立即重试，其他进程会响应",
        "This process is stopping; try again, another one will answer.",
        retryable=True,
    ),
    errors.Overloaded: _kind(
        429, "too_many_tasks", "请求过多", "Too many requests",
        "等待中的任务已达到上限，请稍后重试", "The limit of waiting tasks is reached; try again later.",
        retryable=True,
    ),
    errors.BudgetExceeded: _kind(
        402, "budget_exceeded", "预算已用完", "Budget exceeded",
        "项目或 API 密钥的预算不足", "The project or the API key has no budget left for this.",
    ),
    errors.InvalidSubmission: _kind(
        400, "validation_failed", "请求参数验证失败", "Validation failed", "请求参数有误", "The request is wrong.",
    ),
    errors.BodyTooLarge: _kind(
        413, "body_too_large", "请求体过大", "Body too large",
        "请求体超过上限", "The request body is larger than the limit.",
    ),
    errors.NotFound: _kind(404, "not_found", "资源不存在", "Not found", "资源不存在", "There is no such thing."),
    errors.Conflict: _kind(
        409, "conflict", "状态冲突", "Conflict", "当前状态不允许此操作", "The present state does not allow this.",
    ),
    errors.KeyReused: _kind(
        422, "idempotency_key_reused", "Idempotency-Key 已用于其他请求", "Idempotency-Key used before",
        "此 Idempotency-Key 已用于另一个请求，请为新请求使用新的 key",
        "This Idempotency-Key was used for a different request; send a new one.",
    ),
    errors.Unauthenticated: UNAUTHENTICATED,
    errors.UnknownKey: _kind(
        401, "invalid_api_key", "API 密钥无效", "Invalid API key",
        "此 API 密钥不存在，请检查是否输入有误", "There is no such API key; check that it was copied whole.",
    ),
    errors.SessionEnded: _kind(
        401, "session_ended", "已退出登录", "Signed out",
        "登录已结束，请重新登录", "Your sign-in has ended; sign in again.",
    ),
    errors.KeyExpired: _kind(
        401, "api_key_expired", "API 密钥已过期", "API key expired",
        "此 API 密钥已过期或已被轮换，请联系管理员获取新的密钥",
        "This API key has expired or was rotated; ask the operator for its successor.",
    ),
    errors.KeyRevoked: _kind(
        401, "api_key_revoked", "API 密钥已吊销", "API key revoked",
        "此 API 密钥已被吊销，请联系管理员", "This API key was revoked; ask the operator.",
    ),
    errors.TooManyRequests: _kind(
        429, "too_many_requests", "请求过于频繁", "Too many requests",
        "请求过于频繁，请稍后重试", "Too many requests in one minute; try again later.", retryable=True,
    ),
    errors.TooManyWrongKeys: _kind(
        429, "too_many_wrong_keys", "错误的 API 密钥过多", "Too many wrong API keys",
        "此地址发送了过多错误的 API 密钥，请稍后重试",
        "Too many wrong API keys came from this address; try again later.", retryable=True,
    ),
    errors.Forbidden: _kind(
        403, "forbidden", "没有权限", "Forbidden", "不允许此操作", "This is not allowed.",
    ),
    errors.ModelNotAllowed: _kind(
        403, "model_not_allowed", "不可使用此模型", "Model not allowed",
        "此 API 密钥不可使用该模型", "This API key may not use that model.",
    ),
    errors.ScopeMissing: _kind(
        403, "scope_missing", "API 密钥权限不足", "Scope missing",
        "此 API 密钥没有所需的权限", "This API key lacks the scope that is needed.",
    ),
    errors.AddressNotAllowed: _kind(
        403, "address_not_allowed", "地址不被允许", "Address not allowed",
        "此 API 密钥不能从当前地址使用", "This API key may not be used from this address.",
    ),
    errors.ProjectArchived: _kind(
        403, "project_archived", "项目已归档", "Project archived",
        "此 API 密钥所属的项目已归档", "The project of this API key is archived.",
    ),
    errors.HostNotAllowed: _kind(
        421, "host_not_allowed", "不以此主机名提供服务", "Host not allowed",
        "请求头 Host 不是此服务器的名字。请用 localhost 访问，或在 DANQING_ALLOWED_HOSTS 中加入该主机名",
        "The Host header is none of this server's names: use localhost, or add the name to DANQING_ALLOWED_HOSTS.",
    ),
    errors.PictureRejected: _kind(
        400, "picture_rejected", "图片无效", "Picture rejected",
        "图片过大、不完整或格式不支持", "The picture is too large, cut short, or of no supported format.",
    ),
    errors.SourceUnavailable: _kind(
        502, "source_unavailable", "图片来源不可用", "Picture source unavailable",
        "无法从来源获取图片", "The picture could not be fetched from its source.", retryable=True,
    ),
    errors.Unreadable: _kind(
        503, "task_unreadable", "任务暂时无法读取", "Task unreadable",
        "该任务由其他版本的服务写入，本进程无法读取，请稍后重试",
        "The task was written by another release of the server and cannot be read by this process; try again.",
        retryable=True,
    ),
    errors.BatchUnreadable: _kind(
        503, "batch_unreadable", "批次暂时无法读取", "Batch unreadable",
        "该批次由其他版本的服务写入，本进程无法读取，请稍后重试",
        "The batch was written by another release of the server and cannot be read by this process; try again.",
        retryable=True,
    ),
    errors.AttemptLost: _kind(
        409, "attempt_lost", "状态冲突", "Conflict", "任务已由其他进程接管", "The task is in other hands now.",
        retryable=True,
    ),
    sanic_errors.NotFound: _kind(
        404, "route_not_found", "接口不存在", "No such route", "接口不存在", "There is no such route.",
    ),
    HeadTooLarge: _kind(
        431, "header_too_large", "请求头过大", "Request header too large",
        "请求行与请求头超过上限", "The request line and headers are larger than the limit.",
    ),
    sanic_errors.MethodNotAllowed: _kind(
        405, "method_not_allowed", "请求方法不支持", "Method not allowed",
        "此接口不支持该请求方法", "The route does not take this method.",
    ),
    sanic_errors.PayloadTooLarge: _kind(
        413, "body_too_large", "请求体过大", "Body too large",
        "请求体超过上限", "The request body is larger than the limit.",
    ),
    sanic_errors.URITooLong: _kind(
        414, "uri_too_long", "请求地址过长", "URI too long",
        "请求地址超过上限", "The URL is longer than the limit.",
    ),
    sanic_errors.RequestTimeout: _kind(
        408, "request_timeout", "请求超时", "Request timeout",
        "未在限定时间内收到完整请求", "The request did not arrive in time.", retryable=True,
    ),
    sanic_errors.ExpectationFailed: _kind(
        417, "expectation_failed", "不支持的 Expect", "Expectation failed",
        "不支持的 Expect 请求头", "This Expect header is not supported.",
    ),
    sanic_errors.BadRequest: BAD_REQUEST,
    sanic_errors.RequestCancelled: _kind(
        499, "client_closed_request", "客户端已断开", "Client closed request",
        "客户端在响应前断开了连接", "The client hung up before the answer.", retryable=True,
    ),
    sanic_errors.ServiceUnavailable: UNAVAILABLE,
}  # fmt: skip
