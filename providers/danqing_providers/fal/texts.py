"""What users read of fal."""

from __future__ import annotations

from typing import Final

from danqing_plugins import Message

__all__ = ["GONE", "MODEL_GONE", "NO_ENDPOINT", "NO_OUTPUT", "NO_REQUEST", "UNSAFE"]

NO_ENDPOINT: Final = Message(
    key="no_fal", en="neither a key of fal nor its simulator is there", zh="没有 fal 的密钥，模拟器也未运行"
)
NO_OUTPUT: Final = Message(key="no_output", en="the model's answer names no file", zh="模型的响应中没有任何文件")
UNSAFE: Final = Message(
    key="unsafe",
    en="the safety checker of the model blackened the picture",
    zh="模型的安全检查将图片替换为黑图",
)
GONE: Final = Message(
    key="request_gone",
    en="fal does not know the request any more; it may have been billed",
    zh="fal 已不再保存此请求，可能已计费",
)
NO_REQUEST: Final = Message(
    key="fal_no_request",
    en="fal took the request and did not say which it is; it may have been billed",
    zh="fal 已接受请求但未返回请求编号，可能已计费",
)
MODEL_GONE: Final = Message(key="fal_model_gone", en="{model} is not on offer any more", zh="{model} 已不再提供")
