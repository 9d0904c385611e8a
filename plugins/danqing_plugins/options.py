"""Reads what is set of a provider: what the file says, over the environment, over the defaults.

The server does it for each provider before it makes one; a test of a provider's own may do it to make a context:

    read = read_options(PainterProvider.settings, {"PAINTER_API_KEY": "k" * 20})
    provider.configure(PluginContext(name="painter", options=read.options, …))
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from danqing_plugins.settings import Setting
from danqing_plugins.spelling import nearest

__all__ = ["Missing", "ReadOptions", "Written", "check_secret", "read_options", "reference_in"]

LONGEST_SHOWN = 80
_REFERENCE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_PLACEHOLDER = re.compile(
    r"""
    [x*.\-_]+ | (sk|ark|key)[-_]?[x*.]+[x*.\-]* | <.*> | \$?\{.*\} | \[.*\]
    | (your|my|insert|enter|paste|put|replace)([-_ ].*)? | yourapikey.* | .*[-_ ](here|placeholder)
    | ([a-z]+[-_ ])?api[-_ ]?key | (volcengine|ark)apikey | placeholder | change[-_ ]?me
    | (todo|none|null|example|dummy)
    """,
    re.VERBOSE | re.IGNORECASE,
)


@attrs.frozen(kw_only=True)
class Written:
    """A value as a file has it; `where` names file and line (`danqing.toml:12`)."""

    value: Any = attrs.field(repr=False)
    where: str


@attrs.frozen(kw_only=True)
class ReadOptions:
    """What came of reading `settings`.

    `options` has every setting by name. `places` says where those that were set come from (a variable, or
    `danqing.toml:12: region`). `problems` are one line for each mistake; while there are any, nothing may be made
    of the options. `missing` are the required settings that are not set.
    """

    settings: tuple[Setting, ...]
    options: Mapping[str, Any] = attrs.field(repr=False)
    places: Mapping[str, str]
    problems: tuple[str, ...]
    missing: tuple[Missing, ...]


@attrs.frozen(kw_only=True)
class Missing:
    """A required setting that is not set: `variable` is what would set it (or None), `told` says so.

    `where` is its place in the file, empty when it does not stand there.
    """

    setting: str
    variable: str | None
    told: str
    where: str = ""


def read_options(
    settings: Sequence[Setting], environment: Mapping[str, str], written: Mapping[str, Written] | None = None
) -> ReadOptions:
    """Read every one of *settings*; *written* is what the file says, by name. Raises nothing."""
    reading = _Reading(environment=environment)
    written = written or {}
    for setting in settings:
        reading.read(setting, written.get(setting.name))
    reading.refuse_unknown([setting.name for setting in settings], written)
    return ReadOptions(
        settings=tuple(settings),
        options=reading.options,
        places=reading.places,
        problems=tuple(reading.problems),
        missing=tuple(reading.missing),
    )


@attrs.define(kw_only=True)
class _Reading:
    environment: Mapping[str, str]
    options: dict[str, Any] = attrs.field(factory=dict)
    places: dict[str, str] = attrs.field(factory=dict)
    problems: list[str] = attrs.field(factory=list)
    missing: list[Missing] = attrs.field(factory=list)

    def read(self, setting: Setting, written: Written | None) -> None:
        """Read one setting."""
        self.options[setting.name] = setting.default
        if written is None:
            variable = setting.variable
            raw = self.environment.get(variable, "").strip() if variable is not None else ""
            if raw and variable is not None:
                self._take(setting, raw, variable)
            elif setting.required:
                told = f"{setting.name} is not set" + (f", nor is {variable}" if variable else "")
                self.missing.append(Missing(setting=setting.name, variable=variable, told=told))
            return
        place = f"{written.where}: {setting.name}"
        reference = reference_in(written.value)
        if reference is not None:
            self._follow(setting, reference, place)
        elif setting.secret:
            self.problems.append(f"{place}: {_literal_secret(setting)}")
        else:
            self._take(setting, written.value, place)

    def _follow(self, setting: Setting, variable: str, place: str) -> None:
        """Take what *variable* holds, which the file refers to."""
        raw = self.environment.get(variable, "").strip()
        if raw:
            self._take(setting, raw, f"{place} (${variable})")
            return
        near = None if variable in self.environment else nearest(variable, self.environment)
        hint = f" (did you mean ${near}?)" if near else ""
        told = f"the variable {variable} is not set{hint}"
        if setting.required:
            self.missing.append(Missing(setting=setting.name, variable=variable, told=told, where=place))
        else:
            self.problems.append(f"{place}: {told}")

    def _take(self, setting: Setting, value: object, place: str) -> None:
        self.places[setting.name] = place
        try:
            if setting.secret:
                check_secret(str(value))
            self.options[setting.name] = setting.kind.parse(value)
        except ValueError as error:
            self.problems.append(_wrong(setting, value, place, str(error)))

    def refuse_unknown(self, known: Sequence[str], written: Mapping[str, Written]) -> None:
        """Name each option of the file that there is not."""
        for name, value in written.items():
            if name not in known:
                near = nearest(name, known)
                hint = f"did you mean {near}? " if near else ""
                self.problems.append(
                    f"{value.where}: {name}: unknown option; {hint}allowed: {', '.join(known) or '-'}"
                )


def reference_in(value: object) -> str | None:
    """Return the variable that a value of the file refers to (`$NAME`, `${NAME}`), None when it is no reference."""
    found = _REFERENCE.fullmatch(value.strip()) if isinstance(value, str) else None
    return None if found is None else found[1] or found[2]


def check_secret(raw: str) -> None:
    """Raise ValueError, with the reason, when *raw* is a placeholder nobody replaced, or cannot be a key."""
    if not raw.isascii() or _PLACEHOLDER.fullmatch(raw):
        raise ValueError("still holds a placeholder")
    if not raw.isprintable() or " " in raw:
        raise ValueError("holds spaces or control characters")


def _wrong(setting: Setting, value: object, place: str, reason: str) -> str:
    if setting.secret:
        ways_out = "set the real one, or leave it empty to work with the sandbox at no cost"
        return f"{place} {reason or 'is not allowed'}: {ways_out}"
    because = f" ({reason})" if reason else ""
    return f"{place}: {_shown(value)} is not allowed{because}; allowed: {setting.kind.allowed}"


def _shown(value: object) -> str:
    """Return *value* for an error: short, without what a URL may hold that is nobody's business."""
    plain = str(value).partition("?")[0] if isinstance(value, str) else str(value)
    if "@" in plain:
        return "the value given"
    short = plain if len(plain) <= LONGEST_SHOWN else f"{plain[:LONGEST_SHOWN]}…"
    return repr(short) if isinstance(value, str) else short


def _literal_secret(setting: Setting) -> str:
    variable = setting.variable or f"MY_{setting.name.upper()}"
    return (
        "a secret does not belong in the file; put it into the environment or .env "
        f'and refer to it: {setting.name} = "${variable}"'
    )
