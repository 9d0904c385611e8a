"""How a setting is declared: its name, its documentation, and how its text is read. Parsers raise ValueError."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import attrs

__all__ = ["Parse", "Variable", "duration", "names", "one_of", "setting", "text", "url", "whole"]

T = TypeVar("T")
Parse = Callable[[str], T]

_DURATION_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@attrs.frozen(kw_only=True)
class Variable:
    """One setting as the documentation shows it. `unit` is empty for what has none."""

    name: str
    default: str
    unit: str
    allowed: str
    meaning: str


def text(raw: str) -> str:
    return raw


def one_of(*allowed: str) -> Parse[str]:
    def parse(raw: str) -> str:
        if raw.lower() not in allowed:
            raise ValueError
        return raw.lower()

    return parse


def whole(low: int, high: int) -> Parse[int]:
    def parse(raw: str) -> int:
        number = int(raw)
        if not low <= number <= high:
            raise ValueError
        return number

    return parse


def duration(low_s: float, high_s: float) -> Parse[float]:
    """Seconds (`30`, `1.5`) or a Go duration (`30s`, `1m30s`, `500ms`)."""

    def parse(raw: str) -> float:
        seconds = float(raw) if re.fullmatch(r"\d+(\.\d+)?", raw) else _go_duration_s(raw)
        if not low_s <= seconds <= high_s:
            raise ValueError
        return seconds

    return parse


def _go_duration_s(raw: str) -> float:
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", raw)
    if not parts or "".join(number + unit for number, unit in parts) != raw:
        raise ValueError
    return sum(float(number) * _DURATION_UNITS_S[unit] for number, unit in parts)


def url(*schemes: str) -> Parse[str]:
    def parse(raw: str) -> str:
        parts = urlsplit(raw)
        place = parts.path if parts.scheme == "unix" else parts.netloc
        if parts.scheme not in schemes or not place:
            raise ValueError
        return raw.rstrip("/")

    return parse


def names(raw: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def setting(
    name: str,
    default: Any,
    parse: Parse[Any],
    *,
    allowed: str,
    meaning: str,
    unit: str = "",
    shown: str | None = None,
    secret: bool = False,
) -> Any:
    """Declare a setting; *shown* is its default as documentation writes it, *secret* hides a wrong value."""
    text = shown if shown is not None else ("" if default is None else str(default))
    variable = Variable(name=name, default=text, unit=unit, allowed=allowed, meaning=meaning)
    metadata = {"variable": variable, "parse": parse, "secret": secret}
    return attrs.field(default=default, metadata=metadata, repr=not secret)
