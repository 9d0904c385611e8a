"""Which language a client reads, and what is told of absence and of conflicts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from danqing_plugins import Message

__all__ = ["CHINESE", "CONFLICTS", "ENGLISH", "NOT_FOUND", "language_of"]

CHINESE = "zh"
ENGLISH = "en"
LONGEST_HEADER = 200


def language_of(headers: Mapping[str, str]) -> str:
    """Return `en` when `Accept-Language` prefers English to Chinese, else `zh`."""
    wanted = headers.get("accept-language")
    if wanted is None or len(wanted) > LONGEST_HEADER:
        return CHINESE
    return _preferred(wanted)


@lru_cache(maxsize=256)
def _preferred(header: str) -> str:
    """Choose as RFC 9110 §12.5.4 says (read 2026-11-24): the highest weight, the first of equals."""
    best, best_weight = CHINESE, 0.0
    for part in header.split(","):
        tag, _, parameters = part.partition(";")
        language = {"*": CHINESE}.get(tag.strip(), tag.strip().lower().partition("-")[0])
        weight = _weight(parameters)
        if language in (CHINESE, ENGLISH) and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.replace(" ", "").partition("=")
    if name.lower() != "q":
        return 1.0
    try:
        return min(1.0, float(value))
    except ValueError:
        return 0.0


NOT_FOUND: Mapping[str, Message] = {
    "task": Message(key="task_not_found", zh="任务不存在", en="No such task"),
    "user": Message(key="user_not_found", zh="用户不存在", en="No such user"),
    "project": Message(key="project_not_found", zh="项目不存在", en="No such project"),
    "key": Message(key="key_not_found", zh="API 密钥不存在", en="No such API key"),
    "session": Message(key="session_not_found", zh="登录不存在", en="No such sign-in"),
    "webhook": Message(key="webhook_not_found", zh="webhook 不存在", en="No such webhook"),
    "delivery": Message(key="delivery_not_found", zh="投递记录不存在", en="No such delivery"),
    "model": Message(key="model_not_found", zh="模型不存在", en="No such model"),
    "batch": Message(key="batch_not_found", zh="批次不存在", en="No such batch"),
    "picture": Message(key="picture_not_found", zh="图片不存在", en="No such picture"),
    "asset": Message(key="asset_not_found", zh="文件不存在", en="No such file"),
    "lane": Message(key="lane_not_found", zh="通道不存在", en="No such lane"),
    "upload": Message(key="upload_not_found", zh="上传文件不存在", en="No such upload"),
}

CONFLICTS: Mapping[str, Message] = {
    "email_taken": Message(key="email_taken", zh="邮箱已被使用", en="E-mail address taken"),
    "project_taken": Message(key="project_taken", zh="项目已存在", en="Project exists"),
    "key_revoked": Message(key="key_revoked", zh="API 密钥已被吊销", en="API key is revoked"),
    "key_changed": Message(key="key_changed", zh="API 密钥刚刚被修改", en="API key changed meanwhile"),
    "task_pending": Message(key="task_pending", zh="任务仍在等待中", en="Task is pending"),
    "task_scheduled": Message(key="task_scheduled", zh="任务尚未到执行时间", en="Task is scheduled"),
    "task_processing": Message(key="task_processing", zh="任务正在处理中", en="Task is processing"),
    "task_completed": Message(key="task_completed", zh="任务已完成", en="Task is completed"),
    "task_failed": Message(key="task_failed", zh="任务已失败", en="Task has failed"),
    "task_cancelled": Message(key="task_cancelled", zh="任务已取消", en="Task is cancelled"),
    "task_busy": Message(
        key="task_busy", zh="任务状态刚刚发生变化，请重试", en="Task changed meanwhile; try again"
    ),
    "task_changed": Message(key="task_changed", zh="任务在预演之后已发生变化", en="Task changed since the dry run"),
    "not_as_expected": Message(key="not_as_expected", zh="与预演不符", en="Not as the dry run told"),
    "call_under_way": Message(key="call_under_way", zh="付费调用尚未结束", en="Paid call under way"),
    "too_many_webhooks": Message(key="too_many_webhooks_title", zh="webhook 过多", en="Too many webhooks"),
    "uploads_full": Message(key="uploads_full.title", zh="上传文件已达上限", en="Too many uploads"),
    "batch_over": Message(key="batch_over", zh="批次已取消", en="Batch is cancelled"),
    "lane_changed": Message(key="lane_changed", zh="通道刚刚被他人操作", en="Lane changed meanwhile"),
    "lane_paused": Message(key="lane_paused", zh="通道已被人工暂停", en="Lane is paused"),
    "lane_open": Message(key="lane_open", zh="通道是开放的", en="Lane is open"),
    "bill_unknown": Message(key="bill_unknown.title", zh="可能已经计费", en="May have been paid for"),
    "task_deleted": Message(key="task_deleted", zh="任务已被删除", en="Task was deleted"),
}
