"""What ComfyUI refuses of a workflow before it queues it, in its words.

Source: ComfyUI `execution.py` (validate_prompt, validate_inputs) 04e2a914 and `server.py` 002c3fb9, autumn 2026.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import attrs

from danqing_providers.sandbox.comfyui.nodes import CLASSES, Taken
from danqing_providers.sandbox.troubles import Refusal

__all__ = ["Checked", "Refused", "is_link", "validate"]

_PLAIN = {"INT": int, "FLOAT": float, "STRING": str}


class Refused(Refusal):
    """A workflow that is refused with 400: `error` and `node_errors` of the answer."""

    def __init__(self, error: Mapping[str, Any], node_errors: Mapping[str, Any]) -> None:
        super().__init__(error["message"])
        self.error = error
        self.node_errors = node_errors


@attrs.frozen
class Checked:
    """The nodes that write something and may run, and what is wrong with the others."""

    writers: tuple[str, ...]
    node_errors: Mapping[str, Any]


def validate(graph: Mapping[str, Any], uploaded: Collection[str]) -> Checked:
    """Check *graph*; *uploaded* are the pictures that `LoadImage` finds. Raises: Refused, nothing of it may run."""
    for id_, node in graph.items():
        if not isinstance(node, dict) or "class_type" not in node:
            raise _missing(id_, "Node ID", f"Node ID '#{id_}'", None)
        if node["class_type"] not in CLASSES:
            raise _missing(id_, node["class_type"], f"Node '{_title(id_, node)}'", node)
    writers = [id_ for id_, node in graph.items() if CLASSES[node["class_type"]].writes]
    if not writers:
        raise Refused(_error("prompt_no_outputs", "Prompt has no outputs", ""), {})
    return _checked(graph, writers, uploaded)


def _checked(graph: Mapping[str, Any], writers: list[str], uploaded: Collection[str]) -> Checked:
    wrong: dict[str, Any] = {}
    good = []
    for writer in writers:
        found = {id_: errors for id_ in _behind(graph, writer) if (errors := _errors(graph, id_, uploaded))}
        if not found:
            good.append(writer)
        for id_, errors in found.items():
            told = wrong.setdefault(
                id_, {"errors": errors, "dependent_outputs": [], "class_type": graph[id_]["class_type"]}
            )
            told["dependent_outputs"].append(writer)
    if not good:
        raise Refused(_error("prompt_outputs_failed_validation", "Prompt outputs failed validation", ""), wrong)
    return Checked(tuple(good), wrong)


def _behind(graph: Mapping[str, Any], start: str) -> list[str]:
    """Return *start* and every node that it needs."""
    found: dict[str, None] = {}
    waiting = [start]
    while waiting:
        id_ = waiting.pop()
        if id_ in found or id_ not in graph:
            continue
        found[id_] = None
        waiting += [value[0] for value in graph[id_].get("inputs", {}).values() if is_link(value)]
    return list(found)


def is_link(value: object) -> bool:
    """Tell whether a value is a link, `[id, slot]`."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def _errors(graph: Mapping[str, Any], id_: str, uploaded: Collection[str]) -> list[dict[str, Any]]:
    node = graph[id_]
    taken, inputs = CLASSES[node["class_type"]].takes, node.get("inputs", {})
    found: list[dict[str, Any]] = []
    for name, how in taken.items():
        if node["class_type"] == "LoadImage" and name == "image":
            how = attrs.evolve(how, values=tuple(uploaded))
        if name not in inputs:
            found.append(_error("required_input_missing", "Required input is missing", name, input_name=name))
        else:
            found += _value_errors(graph, name, inputs[name], how)
    return found


def _value_errors(graph: Mapping[str, Any], name: str, value: Any, how: Taken) -> Iterator[dict[str, Any]]:
    about = {"input_name": name, "input_config": how.config, "received_value": value}
    if isinstance(value, list):
        yield from _link_errors(graph, name, value, how, about)
        return
    if how.type == "COMBO":
        if value not in how.values:
            listed = f"{name}: {value!r} not in {list(how.values)!r}"
            yield _error("value_not_in_list", "Value not in list", listed, **about)
        return
    read = _read(value, how)
    if read is None:
        failed = f"{name}, {value}, could not convert to {how.type}"
        yield _error(
            "invalid_input_type", f"Failed to convert an input value to a {how.type} value", failed, **about
        )
    elif how.least is not None and read < how.least:
        yield _error("value_smaller_than_min", f"Value {value} smaller than min of {how.least}", name, **about)
    elif how.most is not None and read > how.most:
        yield _error("value_bigger_than_max", f"Value {value} bigger than max of {how.most}", name, **about)


def _link_errors(
    graph: Mapping[str, Any], name: str, value: list[Any], how: Taken, about: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    if not is_link(value) or value[0] not in graph:
        message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
        yield _error("bad_linked_input", message, name, **about)
        return
    gives = CLASSES[graph[value[0]]["class_type"]].gives
    given = gives[value[1]] if value[1] < len(gives) else "?"
    if given != how.type:
        mismatch = f"{name}, received_type({given}) mismatch input_type({how.type})"
        yield _error(
            "return_type_mismatch",
            "Return type mismatch between linked nodes",
            mismatch,
            **about,
            linked_node=value,
        )


def _read(value: Any, how: Taken) -> Any:
    plain = _PLAIN.get(how.type)
    if plain is None:
        return None
    try:
        return plain(value)
    except (TypeError, ValueError):
        return None


def _missing(id_: str, class_type: str, where: str, node: Mapping[str, Any] | None) -> Refused:
    extra = {"node_id": id_, "class_type": class_type, "node_title": _title(id_, node or {})}
    message = f"Cannot execute because a node is missing the class_type property.: {where}"
    if node is not None:
        message = f"{where} not found. The custom node may not be installed."
    return Refused({**_error("missing_node_type", message, f"Node ID '#{id_}'"), "extra_info": extra}, {})


def _title(id_: str, node: Mapping[str, Any]) -> str:
    return str(node.get("_meta", {}).get("title") or node.get("class_type") or id_)


def _error(type_: str, message: str, details: str, **extra: Any) -> dict[str, Any]:
    return {"type": type_, "message": message, "details": details, "extra_info": extra}
