"""What users read of DashScope."""

from __future__ import annotations

from typing import Final

from danqing_plugins import Message, Text

__all__ = [
    "AGENT_WITHOUT_PICTURES",
    "CANCELLED",
    "MODEL_GONE",
    "NO_ENDPOINT",
    "NO_RESULT",
    "NO_URL",
    "ONE_SIZE",
    "ORDER_GONE",
    "SEQUENTIAL_COUNT",
    "SERVICE",
    "TEXT_ONLY",
]

SERVICE: Final = Text("DashScope", "阿里云百炼")

AGENT_WITHOUT_PICTURES: Final = Message(
    key="agent_without_pictures", en="agent is for requests without pictures", zh="agent 仅用于不带参考图的请求"
)
ONE_SIZE: Final = Message(
    key="size_of_one", en="a size is taken only when one picture is asked for", zh="仅当 n 为 1 时可指定尺寸"
)
TEXT_ONLY: Final = Message(
    key="size_text_only", en="{size} is for requests without pictures", zh="{size} 仅用于不带参考图的请求"
)
SEQUENTIAL_COUNT: Final = Message(
    key="needs_sequential",
    en="must be a whole number from 1 to {most}; up to {more} with enable_sequential",
    zh="必须是 1 到 {most} 的整数；开启 enable_sequential 时最多 {more}",
)
NO_URL: Final = Message(key="not_a_public_url", en="must be an http or https URL", zh="必须是 http 或 https 地址")
NO_ENDPOINT: Final = Message(
    key="dashscope_no_endpoint",
    en="DashScope has neither a key nor a simulator here",
    zh="未配置阿里云百炼的密钥，也没有模拟服务",
)
NO_RESULT: Final = Message(
    key="dashscope_no_result",
    en="DashScope says that it is done, and names no result",
    zh="阿里云百炼显示任务已完成，但没有返回结果",
)
ORDER_GONE: Final = Message(
    key="dashscope_order_gone",
    en="DashScope no longer knows the order: results are kept for 24 hours",
    zh="阿里云百炼已查不到该任务：结果仅保留 24 小时",
)
CANCELLED: Final = Message(
    key="dashscope_cancelled", en="the order was cancelled at DashScope", zh="该任务已在阿里云百炼被取消"
)
MODEL_GONE: Final = Message(
    key="dashscope_model_gone", en="{model} is not on offer any more", zh="{model} 已不再提供"
)
