"""Chinese and English: which one a client reads, and the texts it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import attrs

__all__ = ["CHINESE", "CONFLICTS", "ENGLISH", "NOT_FOUND", "Text", "language_of"]

CHINESE = "zh"
ENGLISH = "en"
LONGEST_HEADER = 200


@attrs.frozen
class Text:
    """One message in both languages; either may hold `str.format` fields."""

    zh: str
    en: str

    def to(self, language: str, **values: object) -> str:
        """Return the message in *language*, filled with *values*."""
        text = self.en if language == ENGLISH else self.zh
        return text.format(**values) if values else text


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


NOT_FOUND: Mapping[str, Text] = {
    "task": Text("任务不存在", "No such task"),
    "user": Text("用户不存在", "No such user"),
    "asset": Text("图片不存在", "No such picture"),
}

CONFLICTS: Mapping[str, Text] = {
    "email_taken": Text("邮箱已被使用", "E-mail address taken"),
    "task_pending": Text("任务仍在等待中", "Task is pending"),
    "task_scheduled": Text("任务尚未到执行时间", "Task is scheduled"),
    "task_processing": Text("任务正在处理中", "Task is processing"),
    "task_completed": Text("任务已完成", "Task is completed"),
    "task_failed": Text("任务已失败", "Task has failed"),
    "task_cancelled": Text("任务已取消", "Task is cancelled"),
    "task_busy": Text("任务状态刚刚发生变化，请重试", "Task changed meanwhile; try again"),
}
