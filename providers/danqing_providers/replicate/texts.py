"""What users read of Replicate."""

from __future__ import annotations

from typing import Final

from danqing_plugins import Message

__all__ = ["ABORTED", "CANCELED", "FAILED", "GONE", "MODEL_GONE", "NO_ENDPOINT", "NO_ID", "REMOVED", "TOO_SOON"]

NO_ENDPOINT: Final = Message(
    key="no_replicate",
    en="neither a token of Replicate nor its simulator is there",
    zh="没有 Replicate 的令牌，模拟器也未运行",
)
MODEL_GONE: Final = Message(
    key="replicate_model_gone", en="{model} is not on offer any more", zh="{model} 已不再提供"
)
GONE: Final = Message(
    key="prediction_gone",
    en="Replicate does not know the prediction any more; it may have been billed",
    zh="Replicate 已不再保存此任务，可能已计费",
)
NO_ID: Final = Message(
    key="replicate_no_id",
    en="Replicate took the prediction and did not say which it is; it may have been billed",
    zh="Replicate 已接受任务但未返回任务编号，可能已计费",
)
REMOVED: Final = Message(
    key="prediction_removed",
    en="Replicate had deleted the output before it was fetched: it keeps it for an hour",
    zh="输出在取回之前已被 Replicate 删除（仅保留一小时）",
)
ABORTED: Final = Message(
    key="prediction_aborted", en="Replicate ended the prediction before it began", zh="任务在开始之前已被终止"
)
CANCELED: Final = Message(
    key="prediction_canceled",
    en="the prediction was canceled while it ran; it may have been billed",
    zh="任务在运行中被取消，可能已计费",
)
FAILED: Final = Message(key="prediction_failed", en="the model failed: {said}", zh="模型运行失败：{said}")
TOO_SOON: Final = Message(
    key="prediction_too_soon",
    en="whether Replicate took the request can be told a little later",
    zh="稍后才能确认 Replicate 是否已接受此请求",
)
