"""How a setting is declared: its name, its documentation, and how its text is read. Parsers raise ValueError."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import attrs

from danqing_plugins import nearest
from danqing_plugins.options import Written, reference_in

__all__ = [
    "Parse",
    "Reading",
    "Variable",
    "duration",
    "flag",
    "key_of",
    "names",
    "one_of",
    "setting",
    "share",
    "text",
    "url",
    "whole",
]

T = TypeVar("T")
Parse = Callable[[str], T]

_DURATION_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


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


def flag(raw: str) -> bool:
    """`yes` or `no`, `on` or `off`; a TOML file's `true` and `false` are the same."""
    return {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}[raw.lower()]


def whole(low: int, high: int) -> Parse[int]:
    def parse(raw: str) -> int:
        number = int(raw)
        if not low <= number <= high:
            raise ValueError
        return number

    return parse


def share(raw: str) -> float:
    """A number from 0 to 1."""
    number = float(raw)
    if not 0 <= number <= 1:
        raise ValueError
    return number


def duration(low_s: float, high_s: float, *, days: bool = False) -> Parse[float]:
    """Seconds (`30`, `1.5`) or a Go duration (`30s`, `1m30s`, `500ms`); with *days* it may have those, `30d`."""

    def parse(raw: str) -> float:
        if "d" in raw and not days:
            raise ValueError
        seconds = float(raw) if re.fullmatch(r"\d+(\.\d+)?", raw) else _go_duration_s(raw)
        if not low_s <= seconds <= high_s:
            raise ValueError
        return seconds

    return parse


def _go_duration_s(raw: str) -> float:
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", raw)
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


def key_of(variable: str) -> str:
    """Return what a variable is called in `[server]`: lower case, without the project's prefix."""
    return variable.removeprefix("DANQING_").lower()


@attrs.define(kw_only=True)
class Reading:
    """Reads settings out of the environment, or else of what is written of them; notes a line for each mistake."""

    environment: Mapping[str, str]
    problems: list[str]

    def read(self, declared: Mapping[str, Any], written: Written | None) -> tuple[bool, Any]:
        """Return whether a setting is set, and rightly, and what it is; *declared* is what `setting` noted."""
        variable: Variable = declared["variable"]
        raw = self.environment.get(variable.name, "").strip()
        if raw:
            return self._parse(declared, raw, variable.name)
        if written is None:
            return False, None
        return self._read_written(declared, written, f"{written.where}: {key_of(variable.name)}")

    def _read_written(self, declared: Mapping[str, Any], written: Written, place: str) -> tuple[bool, Any]:
        reference = reference_in(written.value)
        if reference is not None:
            raw = self.environment.get(reference, "").strip()
            if raw:
                return self._parse(declared, raw, f"{place} (${reference})")
            self.problems.append(f"{place}: the variable {reference} is not set")
        elif declared["secret"]:
            self.problems.append(
                f"{place}: a secret does not belong in the file; put it into the environment or .env, "
                f"as {declared['variable'].name}"
            )
        else:
            value, unset = self._followed(written.value)
            if unset is None:
                return self._parse(declared, value, place)
            self.problems.append(f"{place}: the variable {unset} is not set")
        return False, None

    def _followed(self, value: object) -> tuple[object, str | None]:
        """Return *value* with what the variables hold that a list or table refers to, and the first not set."""
        if isinstance(value, list | dict):
            parts = value.items() if isinstance(value, dict) else enumerate(value)
            found = {key: self._followed(part) for key, part in parts}
            unset = next((name for _, name in found.values() if name is not None), None)
            held = {key: part for key, (part, _) in found.items()}
            return (held if isinstance(value, dict) else [*held.values()]), unset
        reference = reference_in(value)
        if reference is None:
            return value, None
        raw = self.environment.get(reference, "").strip()
        return raw, None if raw else reference

    def _parse(self, declared: Mapping[str, Any], value: object, place: str) -> tuple[bool, Any]:
        try:
            return True, declared["parse"](_as_text(value))
        except (ValueError, KeyError):
            shown = "the value given" if declared["secret"] else repr(value)
            allowed = declared["variable"].allowed
            self.problems.append(f"{place}: {shown} is not allowed; allowed: {allowed}")
            return False, None

    def refuse_unknown(self, written: Mapping[str, Written], known: Sequence[str]) -> None:
        """Name each key of `[server]` that is no setting."""
        for key, value in written.items():
            if key not in known:
                near = nearest(key.lower().removeprefix("danqing_"), known)
                hint = f"did you mean {near}?" if near else "`danqing settings` lists them"
                self.problems.append(f"{value.where}: {key}: unknown setting; {hint}")


def _as_text(value: object) -> str:
    """Return what a variable would hold: a list is separated by commas, a table is `name:value`."""
    if isinstance(value, list):
        return ",".join(_as_text(part) for part in value)
    if isinstance(value, dict):
        return ",".join(f"{name}:{_as_text(part)}" for name, part in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float) or value == "":
        raise ValueError
    return str(value).strip()
