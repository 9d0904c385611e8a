"""Workflows in ComfyUI's API format: what they hold, where a value goes in, and which nodes give something out.

Sources: ComfyUI `execution.py` 04e2a914 and `nodes.py` (autumn 2026), docs.comfy.org "API format", read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from danqing_plugins import OutputKind

__all__ = ["Graph", "GraphError", "Node", "Slot", "read_graph"]

_GIVES: Final[Mapping[str, OutputKind]] = {
    "SaveImage": OutputKind.IMAGE,
    "SaveImageWebsocket": OutputKind.IMAGE,
    "SaveAnimatedWEBP": OutputKind.IMAGE,
    "SaveAnimatedPNG": OutputKind.IMAGE,
    "Image Save": OutputKind.IMAGE,
    "SaveVideo": OutputKind.VIDEO,
    "SaveWEBM": OutputKind.VIDEO,
    "VHS_VideoCombine": OutputKind.VIDEO,
    "SaveAudio": OutputKind.AUDIO,
    "SaveAudioMP3": OutputKind.AUDIO,
    "SaveAudioOpus": OutputKind.AUDIO,
    "SaveGLB": OutputKind.MODEL,
}
"""Node classes that write files, and what. `PreviewImage` is not among them: its files are temporary."""


class GraphError(ValueError):
    """A workflow cannot be used; the text names the node, and its field where it is one field's fault."""


@attrs.frozen
class Slot:
    """One input of one node: where a value goes in. Written `node.field`."""

    node: str
    field: str

    def __str__(self) -> str:
        return f"{self.node}.{self.field}"


@attrs.frozen
class Node:
    """One node of a workflow. `title` is what its author called it, None when nothing."""

    id: str
    class_type: str
    inputs: Mapping[str, Any]
    title: str | None = None


@attrs.frozen
class Graph:
    """A workflow, by the ids of its nodes."""

    nodes: Mapping[str, Node]

    def node(self, name: str) -> Node:
        """Return the node of that id, or the only one of that title.

        Raises:
            GraphError: there is none, or several have the title.
        """
        found = self.nodes.get(name)
        if found is not None:
            return found
        titled = [node for node in self.nodes.values() if node.title == name]
        if len(titled) == 1:
            return titled[0]
        if titled:
            raise GraphError(
                f"nodes {', '.join(node.id for node in titled)} all have the title {name!r}; use an id"
            )
        known = ", ".join(sorted(self.nodes))
        raise GraphError(f"there is no node {name!r}; known ids: {known}")

    def slot(self, text: str) -> Slot:
        """Return the input that `node.field` names, the node by id or title.

        Raises:
            GraphError: there is no such node, it has no such input, or a link leads into it.
        """
        name, dot, field = text.rpartition(".")
        if not dot:
            raise GraphError(f"{text!r} names no input; write NODE.FIELD, such as '6.text'")
        node = self.node(name)
        if field not in node.inputs:
            known = ", ".join(sorted(node.inputs)) or "none"
            raise GraphError(f"node {node.id} ({node.class_type}) has no input {field!r}; it has: {known}")
        if is_link(node.inputs[field]):
            source = node.inputs[field][0]
            raise GraphError(
                f"node {node.id} ({node.class_type}): {field!r} comes from node {source}; set it there"
            )
        return Slot(node.id, field)

    def value(self, slot: Slot) -> Any:
        """Return what stands in *slot* now."""
        return self.nodes[slot.node].inputs[slot.field]

    def source(self, node: Node, field: str) -> Node | None:
        """Return the node that feeds *field* of *node*, None when a value stands there or nothing does."""
        value = node.inputs.get(field)
        return self.nodes.get(value[0]) if value and is_link(value) else None

    def of_class(self, *names: str) -> list[Node]:
        """Return the nodes of these classes, by id."""
        return sorted((node for node in self.nodes.values() if node.class_type in names), key=_order)

    @property
    def givers(self) -> Mapping[str, OutputKind]:
        """The nodes that write files, by id, and what each writes."""
        return {node.id: _GIVES[node.class_type] for node in self.of_class(*_GIVES)}

    def filled(self, values: Mapping[Slot, Any]) -> dict[str, Any]:
        """Return the workflow as it is sent, with *values* in their slots."""
        sent: dict[str, Any] = {
            node.id: {"class_type": node.class_type, "inputs": dict(node.inputs)} for node in self.nodes.values()
        }
        for node in self.nodes.values():
            if node.title is not None:
                sent[node.id]["_meta"] = {"title": node.title}
        for slot, value in values.items():
            sent[slot.node]["inputs"][slot.field] = value
        return sent


def is_link(value: object) -> bool:
    """Tell whether an input's value is a link to another node, `[id, slot]`."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) is int


def read_graph(document: object) -> Graph:
    """Return the workflow that *document*, parsed JSON, holds.

    Raises:
        GraphError: it is in the format of the editor, or a node or a link makes no sense.
    """
    if not isinstance(document, dict) or not document:
        raise GraphError("holds no workflow; export one with 'Export (API)' in ComfyUI's menu")
    if isinstance(document.get("nodes"), list):
        raise GraphError("is in the format of ComfyUI's editor; export it with 'Export (API)'")
    graph = Graph({id_: _read_node(id_, raw) for id_, raw in document.items()})
    for node, field, source in _links(graph):
        if source not in graph.nodes:
            raise GraphError(
                f"node {node.id} ({node.class_type}): {field!r} leads to node {source}, which is not there"
            )
    if not graph.givers:
        raise GraphError("no node writes a file (SaveImage, SaveVideo, …): nothing would come of it")
    return graph


def _read_node(id_: str, raw: object) -> Node:
    if not isinstance(raw, dict) or not isinstance(raw.get("class_type"), str):
        raise GraphError(f"node {id_}: has no 'class_type'; export the workflow with 'Export (API)'")
    inputs = raw.get("inputs", {})
    if not isinstance(inputs, dict):
        raise GraphError(f"node {id_} ({raw['class_type']}): 'inputs' is no object")
    meta = raw.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    return Node(id_, raw["class_type"], inputs, title if isinstance(title, str) else None)


def _links(graph: Graph) -> Iterator[tuple[Node, str, str]]:
    for node in graph.nodes.values():
        for field, value in node.inputs.items():
            if is_link(value):
                yield node, field, value[0]


def _order(node: Node) -> tuple[int, str]:
    return (int(node.id), "") if node.id.isdigit() else (1 << 62, node.id)
