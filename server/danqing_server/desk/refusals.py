"""Why a limit lets no more in: whose it is, how much is used and set aside, and when it begins anew."""

from __future__ import annotations

from danqing_plugins import Message
from danqing_server.desk.counting import Counter, Measure
from danqing_server.errors import BudgetExceeded, Overloaded
from danqing_server.store.budgets import Committed
from danqing_server.windows import Span

__all__ = ["amount_text", "refusal_of"]

RETRY_AFTER_S = 10

SPENT = {
    (Span.DAY, False): Message(
        key="project_day_spent",
        en="the project `{whose}` may spend {limit} a day; {used} are used, {reserved} are reserved, and this "
        "may cost {wanted}. The day ends at {resets}",
        zh="项目 `{whose}` 每日最多可花费 {limit}，已用 {used}，"
        "预留 {reserved}，此请求最多需要 {wanted}；将于 {resets} 重置",
    ),
    (Span.MONTH, False): Message(
        key="project_month_spent",
        en="the project `{whose}` may spend {limit} a month; {used} are used, {reserved} are reserved, and this "
        "may cost {wanted}. The month ends at {resets}",
        zh="项目 `{whose}` 每月最多可花费 {limit}，已用 {used}，"
        "预留 {reserved}，此请求最多需要 {wanted}；将于 {resets} 重置",
    ),
    (Span.DAY, True): Message(
        key="key_day_spent",
        en="the API key `{whose}` may spend {limit} a day; {used} are used, {reserved} are reserved, and this "
        "may cost {wanted}. The day ends at {resets}",
        zh="API 密钥 `{whose}` 每日最多可花费 {limit}，已用 {used}，"
        "预留 {reserved}，此请求最多需要 {wanted}；将于 {resets} 重置",
    ),
    (Span.MONTH, True): Message(
        key="key_month_spent",
        en="the API key `{whose}` may spend {limit} a month; {used} are used, {reserved} are reserved, and this "
        "may cost {wanted}. The month ends at {resets}",
        zh="API 密钥 `{whose}` 每月最多可花费 {limit}，已用 {used}，"
        "预留 {reserved}，此请求最多需要 {wanted}；将于 {resets} 重置",
    ),
}
FULL = {
    (Measure.PICTURES, False): Message(
        key="project_in_flight",
        en="the project `{whose}` may have {limit} outputs in flight; {used} are, and this asks for {wanted}",
        zh="项目 `{whose}` 最多可同时生成 {limit} 个结果，当前 {used} 个，此请求需要 {wanted} 个",
    ),
    (Measure.PICTURES, True): Message(
        key="key_in_flight",
        en="the API key `{whose}` may have {limit} outputs in flight; {used} are, and this asks for {wanted}",
        zh="API 密钥 `{whose}` 最多可同时生成 {limit} 个结果，当前 {used} 个，此请求需要 {wanted} 个",
    ),
    (Measure.WAITING, False): Message(
        key="project_waiting",
        en="the project `{whose}` may have {limit} tasks waiting; {used} are",
        zh="项目 `{whose}` 最多可有 {limit} 个任务在等待，当前 {used} 个",
    ),
    (Measure.WAITING, True): Message(
        key="key_waiting",
        en="the API key `{whose}` may have {limit} tasks waiting; {used} are",
        zh="API 密钥 `{whose}` 最多可有 {limit} 个任务在等待，当前 {used} 个",
    ),
}


def refusal_of(counter: Counter, wanted: int, most: int, counted: Committed) -> BudgetExceeded | Overloaded:
    """Return why *wanted* more is refused of a counter that allows *most*."""
    is_key = counter.key is not None
    whose = counter.key or counter.project
    if counter.window is None:
        message = FULL[Measure(counter.measure), is_key]
        return Overloaded(
            message(whose=whose, limit=most, used=counted.total, wanted=wanted),
            retry_after_s=RETRY_AFTER_S if wanted <= most else None,
        )
    resets_at, currency = counter.window.end, counter.measure
    return BudgetExceeded(
        SPENT[counter.window.span, is_key](
            whose=whose,
            limit=amount_text(most, currency),
            used=amount_text(counted.spent, currency),
            reserved=amount_text(counted.total - counted.spent, currency),
            wanted=amount_text(wanted, currency),
            resets=f"{resets_at:%Y-%m-%dT%H:%M:%SZ}",
        ),
        resets_at=resets_at,
    )


def amount_text(micro: int, currency: str) -> str:
    """Return an amount as people write it: `1.25 CNY`, with as many decimals as it has, two at least."""
    sign, whole, rest = "-" if micro < 0 else "", abs(micro) // 1_000_000, abs(micro) % 1_000_000
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals} {currency}"
