"""What users read of videos. What Ark says itself is quoted as it is."""

from __future__ import annotations

from typing import Final

from danqing_plugins import Message

__all__ = [
    "ADAPTIVE_ONLY",
    "AUDIO_ALONE",
    "CANCELLED",
    "DRAFT_ALONE",
    "DRAFT_SIZE",
    "EXPIRED",
    "FREE_LENGTH_ONLY",
    "MIXED",
    "NEEDS_FIRST",
    "NEEDS_PROMPT",
    "NOT_IN_DRAFT",
    "NO_ADDRESS",
    "NO_ORDER_ID",
    "ORDER_GONE",
    "TWO_LENGTHS",
    "WORDS_ALONE",
]

NEEDS_PROMPT: Final = Message(
    key="video_needs_prompt", en="needed where no picture is given", zh="没有图片时必须提供提示词"
)
MIXED: Final = Message(
    key="video_mixed",
    en="first and last frames cannot be mixed with reference_image, reference_video or reference_audio",
    zh="首帧、尾帧不能与 reference_image、reference_video、reference_audio 同时使用",
)
NEEDS_FIRST: Final = Message(
    key="video_needs_first", en="needs a first frame in image", zh="需要在 image 中提供首帧"
)
AUDIO_ALONE: Final = Message(
    key="video_audio_alone",
    en="needs a reference picture or video beside it",
    zh="需同时提供参考图或参考视频",
)
NO_ADDRESS: Final = Message(
    key="video_no_address",
    en="must be http(s) URLs or asset:// ids",
    zh="须为 http(s) 地址或 asset:// 素材",
)
TWO_LENGTHS: Final = Message(
    key="video_two_lengths", en="give either duration or frames", zh="duration 与 frames 只能提供一个"
)
NOT_IN_DRAFT: Final = Message(key="video_not_in_draft", en="not with draft", zh="样片不支持")
DRAFT_SIZE: Final = Message(key="video_draft_size", en="a draft is made at 480p", zh="样片只能是 480p")
DRAFT_ALONE: Final = Message(
    key="video_draft_alone", en="is the draft's own: not with draft_task", zh="沿用样片，不能与 draft_task 同时使用"
)
WORDS_ALONE: Final = Message(
    key="video_words_alone", en="only for videos from words alone", zh="仅用于纯文本生成视频"
)
ADAPTIVE_ONLY: Final = Message(
    key="video_adaptive_only", en="must be adaptive for {what}", zh="{what} 时须为 adaptive"
)
FREE_LENGTH_ONLY: Final = Message(key="video_free_length", en="must be -1 for {what}", zh="{what} 时须为 -1")
NO_ORDER_ID: Final = Message(
    key="video_no_order", en="Ark took the order and named no id", zh="方舟接受了任务但没有返回 ID"
)
ORDER_GONE: Final = Message(
    key="video_order_gone", en="Ark does not know the order any more", zh="方舟已查不到该任务"
)
EXPIRED: Final = Message(
    key="video_expired", en="the order expired at Ark before the video was made", zh="任务在方舟侧过期，视频未生成"
)
CANCELLED: Final = Message(key="video_cancelled", en="the order was cancelled at Ark", zh="任务已在方舟侧取消")
