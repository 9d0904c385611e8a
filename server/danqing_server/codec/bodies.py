"""JSON as it comes from outside and goes there: read strictly, made fit to be stored, shown and written.

Nothing is coerced, unknown keys are reported, every problem carries the name of its field.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from danqing_plugins import Message, Problem, Text
from danqing_plugins.kit.written import write_json
from danqing_server.errors import InvalidSubmission
from danqing_server.records.tasks import JsonObject

__all__ = [
    "CUT",
    "DEEPEST_JSON",
    "TOO_DEEP",
    "dump_json",
    "holds_null",
    "is_plain",
    "load_json_object",
    "parse_json_object",
    "require_storable",
    "shorten",
    "storable",
    "storable_object",
    "without_nulls",
]

DEEPEST_JSON = 32
LONGEST_SHOWN = 80
LARGEST_INTEGER = 2**63 - 1
GZIP = b"\x1f\x8b"

NOT_JSON = Message(
    key="not_json",
    en="not valid JSON: {reason} (line {line}, column {column})",
    zh="不是有效的 JSON（第 {line} 行第 {column} 列附近）",
)
NOT_UTF8 = Message(
    key="json_not_utf8",
    en="is not UTF-8, as JSON has to be; a console on Windows may have sent it in its own encoding (GBK): "
    "put it into a file in UTF-8",
    zh="不是 UTF-8 编码，而 JSON 必须是 UTF-8；Windows 命令行可能以 GBK 发送，请改用 UTF-8 编码的文件",
)
COMPRESSED = Message(
    key="json_compressed",
    en="is compressed (gzip), which is not taken: send it without Content-Encoding",
    zh="已被压缩（gzip），不支持压缩的请求体，请去掉 Content-Encoding 后发送",
)
EMPTY_BODY = Message(key="empty_body", en="is empty: a JSON object is expected", zh="请求体为空，应为 JSON 对象")
NOT_AN_OBJECT = Message(
    key="not_an_object", en="must be a JSON object, not {kind}", zh="必须是 JSON 对象，而不是{kind}"
)
TOO_DEEP = Message(key="too_deep", en="nested deeper than {most} levels", zh="嵌套过深，最多 {most} 层")
HOLDS_NUL = Message(key="holds_nul", en="contains a NUL character", zh="包含 NUL 字符")
BEYOND_64_BITS = Message(key="beyond_64_bits", en="is beyond 64 bits", zh="超出 64 位整数的范围")
BAD_KEY = Message(
    key="bad_key",
    en="keys may not be empty, begin with `$`, or contain `.` or NUL",
    zh="键名不能为空，不能以 `$` 开头，也不能包含 `.` 或 NUL",
)
CUT = Message(key="value_cut", en="{beginning}… ({count} characters)", zh="{beginning}…（共 {count} 个字符）")
ARRAY = Message(key="value_array", en="array of {count}", zh="{count} 项的数组")
OBJECT = Message(key="value_object", en="object", zh="对象")
KINDS = {
    "null": Text("null", "null"),
    "boolean": Text("a boolean", "布尔值"),
    "number": Text("a number", "数字"),
    "string": Text("a string", "字符串"),
    "array": Text("an array", "数组"),
}


def dump_json(value: Any) -> bytes:
    """Return *value* as compact UTF-8 JSON; moments as RFC 3339 with `Z`, mappings and enums as they are."""
    return write_json(value, _jsonable, orjson.OPT_UTC_Z)


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def shorten(value: object) -> object:
    """Return *value* fit to be shown in an error: numbers and short text as they are, the rest cut or named.

    What was cut or named is a `Text`, and is not shortened again.
    """
    if value is None or isinstance(value, bool | int | float | Text):
        return value
    if isinstance(value, str):
        visible = value[:LONGEST_SHOWN].encode("utf-8", "replace").decode()
        return visible if len(value) <= LONGEST_SHOWN else CUT(beginning=visible, count=len(value))
    if isinstance(value, list | tuple):
        return ARRAY(count=len(value))
    return OBJECT() if isinstance(value, Mapping) else type(value).__name__


def parse_json_object(body: bytes) -> dict[str, Any]:
    """Read a request body that must be a JSON object of sane depth, size of numbers and characters.

    Raises:
        InvalidSubmission: it is not; the one problem names `request_body`, or the path of the offending value.
    """
    value = load_json_object(body)
    require_storable(value)
    return value


def load_json_object(body: bytes) -> dict[str, Any]:
    """Read a request body that must be a JSON object, whatever it holds. Raises InvalidSubmission."""
    try:
        value = orjson.loads(body.removeprefix(BOM_UTF8))  # as Windows writes it; RFC 8259 §8.1: may be passed over
    except orjson.JSONDecodeError as error:
        if not body.strip():
            raise _malformed(EMPTY_BODY()) from error
        if body.startswith(GZIP):
            raise _malformed(COMPRESSED()) from error
        if not _is_utf8(body):
            raise _malformed(NOT_UTF8()) from error
        raise _malformed(NOT_JSON(reason=error.msg, line=error.lineno, column=error.colno)) from error
    except RecursionError as error:
        raise _malformed(TOO_DEEP(most=DEEPEST_JSON)) from error
    if not isinstance(value, dict):
        raise _malformed(NOT_AN_OBJECT(kind=KINDS[_json_name(value)]))
    return value


def require_storable(value: JsonObject) -> None:
    """Refuse JSON that MongoDB could not store, or would interpret. Raises InvalidSubmission, by the paths."""
    if is_plain(value):
        return
    problems: list[Problem] = []
    _inspect(value, (), problems.append)
    if problems:
        raise InvalidSubmission(problems)


def without_nulls(body: JsonObject) -> JsonObject:
    """Return *body* without members that are null, at any depth; itself when there are none. List items stay."""
    return _stripped(body) if holds_null(body) else body


def holds_null(value: Any) -> bool:
    """Tell whether an object has a member that is null, or holds one that has."""
    inside = value
    if type(value) is dict:
        inside = value.values()
        if None in inside:
            return True
    for item in inside:
        kind = type(item)
        if (kind is dict or kind is list) and holds_null(item):
            return True
    return False


def _stripped(value: Any) -> Any:
    if type(value) is dict:
        return {key: _stripped(item) for key, item in value.items() if item is not None}
    return [_stripped(item) for item in value] if type(value) is list else value


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _malformed(message: str) -> InvalidSubmission:
    return InvalidSubmission([Problem(field="request_body", message=message)])


def _json_name(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "array"


def is_plain(value: Any, depth: int = DEEPEST_JSON) -> bool:
    """Tell that *value* is JSON of the most common kind, of which MongoDB returns exactly what it was given.

    False means only that it deserves a closer look: subclasses do, and integers of more than 32 bits.
    """
    kind = type(value)
    if kind is str:
        return "\0" not in value
    if kind is dict:
        return depth > 0 and all(map(str.isidentifier, value)) and _are_plain(value.values(), depth - 1)
    if kind is list:
        return depth > 0 and _are_plain(value, depth - 1)
    if kind is int:
        return bool(-(2**31) <= value < 2**31)
    return value is None or kind is float or kind is bool


def _are_plain(values: Iterable[Any], depth: int) -> bool:
    for value in values:  # noqa: SIM110 — each submission is looked at so: a generator doubles what it takes
        if not is_plain(value, depth):
            return False
    return True


def storable(value: Any, depth: int = DEEPEST_JSON) -> Any:
    """Return JSON *value* so that a document can hold it: what a provider reported is not lost for one odd number.

    An integer beyond 64 bits becomes text, as does what is no JSON; a lone surrogate becomes `?`, a NUL in a key is
    dropped, what is nested deeper than *depth* is left out. A mapping comes back as a dict of its own.
    """
    kind = type(value)
    if value is None or kind is float or kind is bool or (kind is str and value.isascii()):
        return value  # like most: a call's ids and words
    if isinstance(value, int):
        return value if -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER else str(value)
    if kind is dict or isinstance(value, Mapping):
        if not depth or not value:
            return {}
        return {storable(str(key)).replace("\0", ""): storable(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [storable(item, depth - 1) for item in value] if depth else []
    if isinstance(value, str):
        sound = value.encode("utf-8", "replace").decode()
        return value if sound == value else sound  # itself, since it may be a `Text`
    return float(value) if isinstance(value, float) else storable(str(value))


def storable_object(value: object) -> dict[str, Any]:
    """Return *value* as `storable` does, and nothing of what is no object: a count passed on unseen, say."""
    return dict(storable(value)) if isinstance(value, Mapping) else {}


_Path = tuple[str | int, ...]
"""Where a value stands: keys and positions from the outside in. It becomes a name only when there is a problem."""


def _inspect(value: Any, path: _Path, report: Callable[[Problem], None]) -> None:
    """Report what MongoDB could not store or would interpret: deep nesting, NUL, odd keys, huge numbers."""
    if len(path) > DEEPEST_JSON:
        report(Problem(field=_named(path), message=TOO_DEEP(most=DEEPEST_JSON)))
    elif isinstance(value, str):
        if "\x00" in value:
            report(Problem(field=_named(path), message=HOLDS_NUL(), value=shorten(value)))
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if not -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER:
            report(Problem(field=_named(path), message=BEYOND_64_BITS(), value=str(value)))
    elif isinstance(value, dict):
        _inspect_object(value, path, report)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _inspect(item, (*path, number), report)


def _inspect_object(value: dict[str, Any], path: _Path, report: Callable[[Problem], None]) -> None:
    for key, item in value.items():
        inside = (*path, key)
        if not key or key.startswith("$") or "." in key or "\x00" in key:
            report(Problem(field=_named(inside), message=BAD_KEY()))
        _inspect(item, inside, report)


def _named(path: _Path) -> str:
    name = ""
    for step in path:
        if isinstance(step, int):
            name += f"[{step}]"
        else:
            name = f"{name}.{shorten(step)}" if name else str(shorten(step))
    return name
