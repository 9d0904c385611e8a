"""What users read of 即梦."""

from __future__ import annotations

from typing import Final

from danqing_plugins import Message

__all__ = ["EXPIRED", "GONE", "MODEL_GONE", "NO_ENDPOINT", "NO_TASK", "URLS_ONLY"]

NO_ENDPOINT: Final = Message(
    key="no_jimeng",
    en="neither the keys of Volcengine nor the simulator are there",
    zh="没有火山引擎密钥，模拟器也未运行",
)
NO_TASK: Final = Message(
    key="jimeng_no_task",
    en="the service took the task and did not say which it is; it may have been billed",
    zh="服务已接受任务但未返回任务编号，可能已计费",
)
MODEL_GONE: Final = Message(key="jimeng_model_gone", en="{model} is not on offer any more", zh="{model} 已不再提供")
GONE: Final = Message(
    key="jimeng_task_gone",
    en="the service does not know the task any more (it keeps them for 12 hours); it may have been billed",
    zh="服务已不再保存此任务（仅保留 12 小时），可能已计费",
)
EXPIRED: Final = Message(
    key="jimeng_task_expired",
    en="the task expired at the service; it may have been billed",
    zh="任务已过期，可能已计费",
)
URLS_ONLY: Final = Message(
    key="jimeng_urls_only",
    en="this model takes pictures by URL alone; give an http(s) address",
    zh="该模型只接受图片 URL，请提供 http(s) 地址",
)
