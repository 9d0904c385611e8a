"""MongoDB documents, from typed records and back.

Documents are ours, so they are read leniently: unknown keys of a newer version are ignored. What users read of a
task is stored in English, where older releases look for it, and beside it (`message_zh`, `notes_zh`) in Chinese.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from danqing_plugins import Price, Reference, Text, in_language
from danqing_server.records.lanes import LaneAct, LaneRecord
from danqing_server.records.outputs import Asset, Output, TaskError
from danqing_server.records.routing import RoutedTarget
from danqing_server.records.tasks import Attempt, CallRecord, JsonObject, Task
from danqing_server.records.tenancy import AuditEntry, Limits, Project, StoredKey, StudioSession
from danqing_server.records.uploads import Upload
from danqing_server.records.users import User

__all__ = ["from_document", "to_document", "value_of"]

T = TypeVar("T")


def _identity(value: Any, _type: Any = None) -> Any:
    return value


def _moment(value: Any, _type: Any = None) -> datetime:
    if isinstance(value, datetime):
        return value
    raise TypeError(f"{type(value).__name__} is no moment")


def _document_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False, omit_if_default=True)
    converter.register_unstructure_hook(datetime, _identity)
    converter.register_structure_hook(datetime, _moment)
    converter.register_unstructure_hook_func(_is_enum, lambda value: value.value)
    as_key = override(rename="_id")
    write_error = make_dict_unstructure_fn(TaskError, converter, _cattrs_omit_if_default=True)
    converter.register_unstructure_hook(TaskError, _writing_both(write_error, "message"))
    read_error = make_dict_structure_fn(TaskError, converter)
    converter.register_structure_hook(TaskError, _reading_both(read_error, "message"))
    write_target = make_dict_unstructure_fn(RoutedTarget, converter, _cattrs_omit_if_default=True)
    converter.register_unstructure_hook(RoutedTarget, _writing_both(write_target, "notes"))
    read_target = make_dict_structure_fn(RoutedTarget, converter)
    converter.register_structure_hook(RoutedTarget, _reading_both(read_target, "notes"))
    for keyed_by_id in (Task, User, Upload, Project, StoredKey, AuditEntry, StudioSession, LaneRecord):
        write = make_dict_unstructure_fn(keyed_by_id, converter, _cattrs_omit_if_default=True, id=as_key)
        converter.register_unstructure_hook(keyed_by_id, _writing_both(write, "notes"))
        read = make_dict_structure_fn(keyed_by_id, converter, id=as_key)
        converter.register_structure_hook(keyed_by_id, _reading_both(read, "notes"))
    return converter


def _writing_both(write: Callable[[Any], dict[str, Any]], field: str) -> Callable[[Any], dict[str, Any]]:
    """Return *write*, which then stores the Text or Texts of *field* in both languages."""

    beside = f"{field}_zh"

    def write_both(value: Any) -> dict[str, Any]:
        document = write(value)
        if field not in document:
            return document
        said = getattr(value, field)
        if isinstance(said, Text):
            document |= {field: str(said), beside: said.zh}
        elif isinstance(said, tuple) and any(isinstance(each, Text) for each in said):
            document |= {field: [*map(str, said)], beside: [in_language(each, "zh") for each in said]}
        return document

    return write_both


def _reading_both(read: Callable[[JsonObject, Any], Any], field: str) -> Callable[[Any, Any], Any]:
    """Return *read*, which then makes Texts again of what was stored in both languages."""

    beside = f"{field}_zh"

    def read_both(document: JsonObject, type_: Any) -> Any:
        value = read(document, type_)
        if beside not in document:
            return value
        said, chinese = getattr(value, field), document[beside]
        both = Text(said, chinese) if isinstance(said, str) else tuple(map(Text, said, chinese))
        return attrs.evolve(value, **{field: both})

    return read_both


def _is_enum(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, Enum)


_documents = _document_converter()

Stored = (
    Task
    | User
    | Upload
    | Output
    | CallRecord
    | Attempt
    | TaskError
    | Asset
    | Price
    | Reference
    | Project
    | StoredKey
    | StudioSession
    | AuditEntry
    | Limits
    | LaneAct
)


def to_document(value: Stored) -> dict[str, Any]:
    """Return *value* as a MongoDB document: its `id` as `_id`, fields at their default left out."""
    document: dict[str, Any] = _documents.unstructure(value)
    return document


def value_of(value: Any) -> Any:
    """Return any stored value (an enum, a nested object) in the form it has inside a document."""
    return _documents.unstructure(value)


def from_document(type_: type[T], document: JsonObject) -> T:
    """Return the *type_* that *document* holds; keys it does not know are ignored."""
    return _documents.structure(document, type_)
