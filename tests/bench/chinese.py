"""The table of a run in Chinese: the words of the English one, cell by cell, around the same figures."""

from __future__ import annotations

import re

__all__ = ["in_chinese"]

_CELLS = {
    "stage": "阶段",
    "unit": "单位",
    "on PyMongo": "用 PyMongo",
    "accounted": "开启记账",
    "baseline": "对照",
    "journaled": "落盘对照",
    "ratio": "比值",
    "pairs": "逐对比值",
    "target": "目标",
    "tasks/s": "任务/s",
    "polls/s": "次/s",
    "start: CPU to the first answer": "启动：到第一次响应的 CPU",
    "submit": "提交",
    "drain": "清空",
    "steady state": "稳态",
    "poll, finished": "轮询，已完成",
    "poll, unfinished": "轮询，未完成",
    "idle: submit → upstream called": "空闲：提交 → 调用上游",
    "slow upstream: CPU per task": "慢速上游：每个任务的 CPU",
    "calls waiting: memory each": "等待中的调用：每个的内存",
    "the same in two processes": "同上，两个进程",
    "drain, 100 KB pictures": "清空，100 KB 图片",
    "steady, 100 KB pictures": "稳态，100 KB 图片",
    "drain, JPEG 2048²": "清空，JPEG 2048²",
    "drain, PNG 2048²": "清空，PNG 2048²",
}
_OPERATIONS = {"submit": "提交", "reserve": "领取", "poll": "轮询"}
_OF_CALLS = {"memory each": "每个的内存", "submit p99": "提交 p99"}
_SAME = re.compile(
    r"|[-:]+|danqing|arq|SAQ|ms|µs|kB|[\d,.]+×?|[\d,.]+ ± [\d,.]+ \(\d+\)|[≥≤<] [\d,.]+(×| ms| kB)?|[✓✗]"
)


def in_chinese(table: str) -> str:
    """Return a table of `report` in Chinese. Raises KeyError for a cell that has no Chinese: add it here."""
    return "\n".join(f"| {' | '.join(map(_cell, _cells(line)))} |" for line in table.splitlines())


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _cell(text: str) -> str:
    if text in _CELLS:
        return _CELLS[text]
    if _SAME.fullmatch(text):
        return text
    if form := re.fullmatch(r"([\d,]+) calls waiting: (.+)", text):
        return f"{form[1]} 个等待中的调用：{_OF_CALLS[form[2]]}"
    if form := re.fullmatch(r"(\w+), ([\d,]+) stored: CPU each", text):
        return f"{_OPERATIONS[form[1]]}，已存储 {form[2]} 个：每次的 CPU"
    if form := re.fullmatch(r"([≥≤] [\d.]+ × )(\w+)", text):
        return f"{form[1]}{_CELLS[form[2]]}"
    raise KeyError(text)
