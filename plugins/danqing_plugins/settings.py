"""What can be set of a provider: declared by `Provider.settings`, read by the server (`danqing_plugins.options`).

A value comes from `danqing.toml`, else from the setting's variable in the environment, else it is the default. A
text is read alike in both places; the file also knows numbers, flags, lists and tables.

    settings = (
        Setting(name="api_key", variable="PAINTER_API_KEY", secret=True, help=Text("The key.", "密钥。")),
        Setting(name="region", kind=choice("eu", "us"), default="eu", help=Text("Where it paints.", "所在区域。")),
    )
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

__all__ = [
    "Kind",
    "Setting",
    "choice",
    "duration",
    "flag",
    "number",
    "table",
    "tables",
    "text",
    "texts",
    "url",
    "whole",
]

LARGEST_FILE_BYTES: Final = 1024 * 1024
_FLAGS: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_DURATION_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@attrs.frozen(kw_only=True)
class Kind:
    """What values a setting takes. `allowed` says it in words.

    `parse` is given a text, from the environment or the file, or what else TOML knows, and returns the option.
    It raises ValueError, with nothing or with one reason that may be shown.
    """

    allowed: str
    parse: Callable[[object], Any]


def _text_of(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def text(allowed: str = "a text") -> Kind:
    """Any text that is not empty."""
    return Kind(allowed=allowed, parse=_text_of)


def choice(*names: str) -> Kind:
    """One of *names*, in any case."""
    spelt = {name.casefold(): name for name in names}

    def parse(value: object) -> str:
        wanted = _text_of(value).casefold()
        if wanted not in spelt:
            raise ValueError
        return spelt[wanted]

    return Kind(allowed=", ".join(f"`{name}`" for name in names), parse=parse)


def whole(low: int, high: int) -> Kind:
    """A whole number from *low* to *high*."""

    def parse(value: object) -> int:
        found = int(value) if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,18}\s*", value) else value
        if type(found) is not int or not low <= found <= high:
            raise ValueError
        return found

    return Kind(allowed=f"{low} to {high}", parse=parse)


def number(low: float, high: float) -> Kind:
    """A number from *low* to *high*, as a float."""

    def parse(value: object) -> float:
        digits = isinstance(value, str) and re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", value)
        found = float(value) if isinstance(value, str) and digits else value
        if isinstance(found, bool) or not isinstance(found, int | float) or not low <= found <= high:
            raise ValueError
        return float(found)

    return Kind(allowed=f"a number from {low:g} to {high:g}", parse=parse)


def flag() -> Kind:
    """True or false."""

    def parse(value: object) -> bool:
        found = _FLAGS.get(value.strip().casefold()) if isinstance(value, str) else value
        if not isinstance(found, bool):
            raise ValueError
        return found

    return Kind(allowed="`true`, `false`", parse=parse)


def duration(low_s: float, high_s: float) -> Kind:
    """Seconds, as a float: a number, or a text like `30`, `30s`, `1m30s`, `500ms`."""

    def parse(value: object) -> float:
        found = _seconds(value.strip()) if isinstance(value, str) else value
        if isinstance(found, bool) or not isinstance(found, int | float) or not low_s <= found <= high_s:
            raise ValueError
        return float(found)

    return Kind(allowed=f"seconds or a duration like `30s`, `10m`, from {low_s:g} to {high_s:g} s", parse=parse)


def _seconds(raw: str) -> float:
    if re.fullmatch(r"\d+(\.\d+)?", raw):
        return float(raw)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", raw)
    if not parts or "".join(amount + unit for amount, unit in parts) != raw:
        raise ValueError
    return sum(float(amount) * _DURATION_UNITS_S[unit] for amount, unit in parts)


def url(*schemes: str) -> Kind:
    """A URL without credentials and fragment, http(s) unless *schemes* are named; a final slash is cut off."""
    known = schemes or ("http", "https")

    def parse(value: object) -> str:
        found = _text_of(value).rstrip("/")
        parts = urlsplit(found)
        if parts.username is not None or parts.password is not None:
            raise ValueError("it must not hold a user name or password")
        named = parts.port is None or parts.port > 0  # raises ValueError for what is no port
        if parts.scheme not in known or not parts.hostname or not named or parts.fragment or " " in found:
            raise ValueError
        return found

    return Kind(allowed=f"a URL that begins with {' or '.join(f'`{scheme}://`' for scheme in known)}", parse=parse)


def texts() -> Kind:
    """A list of texts, as a tuple; in the environment separated by commas."""

    def parse(value: object) -> tuple[str, ...]:
        found = [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        if not isinstance(found, list):
            raise ValueError
        return tuple(_text_of(part) for part in found)

    return Kind(allowed="a list of texts, in the environment separated by commas", parse=parse)


def table(allowed: str = "") -> Kind:
    """A table, as a mapping; in the environment a JSON object, or the path of a file that holds one."""

    def parse(value: object) -> Mapping[str, Any]:
        found = _json_of(value) if isinstance(value, str) else value
        if not isinstance(found, dict):
            raise ValueError
        return found

    return Kind(allowed=allowed or "a table: a JSON object, or the path of a file that holds one", parse=parse)


def tables(allowed: str = "") -> Kind:
    """A list of tables, as a tuple; in the environment a JSON array of objects, or the path of a file with one."""

    def parse(value: object) -> tuple[Mapping[str, Any], ...]:
        found = _json_of(value) if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(part, dict) for part in found):
            raise ValueError
        return tuple(found)

    return Kind(
        allowed=allowed or "a list of tables: a JSON array, or the path of a file that holds one", parse=parse
    )


def _json_of(raw: str) -> object:
    raw = raw.strip()
    try:
        return json.loads(raw if raw.startswith(("{", "[")) else _read_file(raw))
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not valid JSON: {error}") from None


def _read_file(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(LARGEST_FILE_BYTES)
    except OSError as error:
        raise ValueError(f"it is neither JSON nor a readable file: {error.strerror}") from None


TEXT: Final = text()


@attrs.frozen(kw_only=True)
class Setting:
    """One thing that can be set.

    `name` is the option's key in the file and in `PluginContext.options`; `variable` names it in the environment,
    None: it can be set in the file alone. `help` is one sentence, best a `Text` of both languages. `default` is the
    option when it is not set, as it is (it is not parsed). A `secret` is shown nowhere, and stands in the file as a
    reference only. `required`, which a secret is unless it says otherwise: without it the provider cannot reach the
    real service, and is simulated or left out.
    """

    name: str
    help: str
    variable: str | None = None
    kind: Kind = TEXT
    default: Any = None
    unit: str = ""
    secret: bool = False
    required: bool = attrs.field(default=attrs.Factory(lambda self: self.secret, takes_self=True))
