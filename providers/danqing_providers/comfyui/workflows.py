"""The workflows of a folder: each file in ComfyUI's API format is a model, with a TOML file beside it if need be.

`poster.json` alone is enough: its prompt, seed, size, number, steps and pictures are found by themselves.
`poster.toml` beside it names the model and its inputs as the operator wants them:

    title = { en = "Poster", zh = "海报" }

    [inputs.prompt]
    to = "6.text"                # a node by its id or title, and its field

    [inputs.steps]
    to = ["3.steps"]
    minimum = 4
    maximum = 50
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
import orjson

from danqing_plugins import ConfigurationError, OutputKind, Text
from danqing_providers.comfyui.graphs import Graph, GraphError, read_graph
from danqing_providers.comfyui.inputs import Input, guess_inputs, read_inputs

_T = TypeVar("_T")

__all__ = ["Workflow", "read_folder", "read_workflow"]

_LARGEST_FILE_BYTES: Final = 4 * 1024 * 1024
_KEYS: Final = frozenset({"title", "inputs", "outputs", "aliases"})


@attrs.frozen(kw_only=True)
class Workflow:
    """One model: a graph, what its user may say, and the nodes whose files are its outputs."""

    id: str
    title: Text
    graph: Graph
    inputs: tuple[Input, ...]
    givers: tuple[str, ...]
    kind: OutputKind
    aliases: tuple[str, ...] = ()

    def input(self, role: str) -> Input | None:
        """Return the input of that role, None when there is none."""
        return next((each for each in self.inputs if each.role == role), None)

    @property
    def pictures(self) -> tuple[Input, ...]:
        """The inputs that take a picture, in order."""
        return tuple(each for each in self.inputs if each.type == "picture")


def read_folder(folder: Path) -> tuple[Workflow, ...]:
    """Return the workflows of *folder*, by their files' names.

    Raises:
        ConfigurationError: a file makes no sense; one line with the file, the node and the field.
    """
    found: dict[str, Workflow] = {}
    taken: dict[str, str] = {path.stem: path.stem for path in folder.glob("*.json")}
    for path in sorted(folder.glob("*.json")):
        workflow = found[path.stem] = read_workflow(path)
        for alias in workflow.aliases:
            if alias in taken:
                beside = path.with_suffix(".toml")
                raise ConfigurationError(f"{beside}: aliases: {alias!r} is a name of {taken[alias]!r} already")
            taken[alias] = workflow.id
    return tuple(found.values())


def read_workflow(path: Path) -> Workflow:
    """Return the workflow of one file, with what the TOML file beside it says.

    Raises:
        ConfigurationError: see `read_folder`.
    """
    beside = path.with_suffix(".toml")
    graph = _in_file(path, lambda: read_graph(_json(path)))
    said = _in_file(beside, lambda: _toml(beside)) if beside.exists() else {}
    return _in_file(beside if said else path, lambda: _workflow(path.stem, graph, said))


def _in_file(path: Path, read: Callable[[], _T]) -> _T:
    try:
        return read()
    except GraphError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error


def _json(path: Path) -> object:
    if path.stat().st_size > _LARGEST_FILE_BYTES:
        raise GraphError(f"is larger than {_LARGEST_FILE_BYTES} bytes: no workflow")
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise GraphError(f"line {error.lineno}: is not valid JSON: {error.msg}") from error


def _toml(path: Path) -> dict[str, Any]:
    try:
        said = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GraphError(f"is not valid TOML: {error}") from error
    strangers = sorted(said.keys() - _KEYS)
    if strangers:
        raise GraphError(f"unknown {strangers[0]!r}; known: {', '.join(sorted(_KEYS))}")
    return said


def _workflow(name: str, graph: Graph, said: Mapping[str, Any]) -> Workflow:
    inputs = read_inputs(graph, said["inputs"]) if said.get("inputs") else guess_inputs(graph)
    givers = tuple(graph.node(each).id for each in _several(said, "outputs")) or tuple(graph.givers)
    strangers = [id_ for id_ in givers if id_ not in graph.givers]
    if strangers:
        raise GraphError(f"outputs: node {strangers[0]} ({graph.nodes[strangers[0]].class_type}) writes no file")
    return Workflow(
        id=name,
        title=_title(name, said.get("title")),
        graph=graph,
        inputs=inputs,
        givers=givers,
        kind=graph.givers[givers[0]],
        aliases=_several(said, "aliases"),
    )


def _several(said: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return a list of names; one alone is a list of one."""
    value = said.get(key, [])
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str | int) and not isinstance(each, bool) for each in names):
        raise GraphError(f"{key} is a list of texts, not {value!r}")
    return tuple(map(str, names))


def _title(name: str, said: object) -> Text:
    if isinstance(said, dict) and isinstance(said.get("en"), str) and isinstance(said.get("zh"), str):
        return Text(said["en"], said["zh"])
    if said is None or isinstance(said, str):
        return Text(said or name)
    raise GraphError("title is a text, or { en = '…', zh = '…' }")
