"""What a task's user reads of how its attempts ended."""

from __future__ import annotations

from danqing_plugins import Message

__all__ = [
    "CALL_LEFT_OPEN",
    "CANNOT_BE_KEPT",
    "DEADLINE",
    "DEARER_THAN_A_DAY",
    "DIED_BEFORE_CALLS",
    "DIED_IN_CALL",
    "GIVEN_BACK",
    "LEASE_DOUBTED",
    "LINK_SILENT",
    "LOOKED_UP_FIRST",
    "NEVER_PLACED",
    "NOTHING_DELIVERED",
    "OF_ANOTHER_RELEASE",
    "OF_REFERENCE",
    "ORDER_NOT_LOOKED_UP",
    "ORDER_UNKNOWN",
    "PICTURE_LOST",
    "PLUGIN_FAILED",
    "REPORT_NOT_STORABLE",
    "SPEND_LIMIT",
    "STORAGE_FULL",
]

STORAGE_FULL = Message(key="storage_full", en="the storage is full or cannot be written", zh="存储已满或无法写入")
LINK_SILENT = Message(
    key="link_silent",
    en="the provider's link to what it made does not answer",
    zh="服务商给出的成品链接没有响应",
)
PLUGIN_FAILED = Message(
    key="plugin_failed", en="the provider plugin failed ({error})", zh="服务商插件出错（{error}）"
)
GIVEN_BACK = Message(
    key="given_back",
    en="the process that carried it out stopped; it goes on elsewhere",
    zh="执行任务的进程已停止，任务将在其他进程继续",
)
DEADLINE = Message(key="deadline", en="the task was not finished by its deadline", zh="任务未在截止时间前完成")
DIED_IN_CALL = Message(
    key="died_in_call",
    en="the process that carried it out died during a call, which may have been billed",
    zh="执行任务的进程在调用期间异常退出，该次调用可能已计费",
)
DIED_BEFORE_CALLS = Message(
    key="died_before_calls",
    en="the processes that carried it out died, none of them during a call",
    zh="执行任务的进程多次异常退出，均不在调用期间",
)
NOTHING_DELIVERED = Message(
    key="nothing_delivered",
    en="the provider answered without all it was asked for; what is missing may have been billed",
    zh="服务商的响应缺少部分成品，缺少的可能已计费",
)
CALL_LEFT_OPEN = Message(
    key="call_left_open",
    en="an earlier call may have been billed, and the policy allows no further one",
    zh="先前的调用可能已计费，按照策略不再重试",
)
LOOKED_UP_FIRST = Message(
    key="looked_up_first",
    en="an earlier call may have been billed; the provider is asked about it first",
    zh="先前的调用可能已计费，将先向服务商查询",
)
NEVER_PLACED = Message(
    key="never_placed",
    en="a call was cut off; the provider says that it never arrived, and nothing was billed",
    zh="一次调用中断；服务商确认未收到该请求，未计费",
)
ORDER_UNKNOWN = Message(
    key="order_unknown",
    en="a call was cut off, and the provider cannot tell what became of it; it may have been billed",
    zh="一次调用中断，服务商无法确认其结果，可能已计费",
)
ORDER_NOT_LOOKED_UP = Message(
    key="order_not_looked_up",
    en="a call was cut off, and the provider could not be asked what became of it",
    zh="一次调用中断，且暂时无法向服务商查询其结果",
)
LEASE_DOUBTED = Message(
    key="lease_doubted",
    en="this worker's lease is in doubt; no call was sent",
    zh="此工作进程的租约不确定，未发出调用",
)
SPEND_LIMIT = Message(
    key="spend_limit", en="the provider's spend limit for today is reached", zh="已达到该服务商今日的消费上限"
)
DEARER_THAN_A_DAY = Message(
    key="dearer_than_a_day",
    en="this may cost more than the provider's spend limit of a whole day; ask for less at once",
    zh="此任务的费用可能超过该服务商全天的消费上限，请减少单次请求的数量",
)
CANNOT_BE_KEPT = Message(
    key="cannot_be_kept",
    en="what the provider delivered cannot be kept: {why}",
    zh="服务商返回的内容无法保存：{why}",
)
OF_REFERENCE = Message(key="of_reference", en="{field}: {why}", zh="参考图 {field}：{why}")
PICTURE_LOST = Message(
    key="picture_lost",
    en="the provider's link to what it made is dead; it was probably billed",
    zh="服务商给出的成品链接已失效，该成品很可能已计费",
)
REPORT_NOT_STORABLE = Message(
    key="report_not_storable",
    en="what the provider reported cannot be stored; the server ended the task",
    zh="服务商返回的内容无法保存，服务器已结束该任务",
)
OF_ANOTHER_RELEASE = Message(
    key="task_of_another_release",
    en="not finished by its deadline; it was written by another release of the server",
    zh="任务未在截止时间前完成；它由其他版本的服务写入",
)
