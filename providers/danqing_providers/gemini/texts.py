"""What users read of Gemini."""

from __future__ import annotations

from typing import Final

from danqing_plugins import Message, Text

__all__ = ["BLOCKED", "NO_ENDPOINT", "NO_PICTURE", "SERVICE"]

SERVICE: Final = Text("Gemini", "Gemini")
BLOCKED: Final = Message(
    key="gemini_blocked", en="Gemini refused to make it ({reason})", zh="Gemini 拒绝生成（{reason}）"
)
NO_PICTURE: Final = Message(
    key="gemini_no_picture", en="Gemini made no picture ({reason})", zh="Gemini 没有生成图片（{reason}）"
)
NO_ENDPOINT: Final = Message(
    key="gemini_no_endpoint",
    en="Gemini has neither a key nor a simulator here",
    zh="未配置 Gemini 的密钥，也没有模拟服务",
)
