"""What a workflow asks of its user: named by its operator in a file beside it, or guessed from its nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import attrs

from danqing_plugins import Text
from danqing_providers.comfyui.graphs import Graph, GraphError, Node, Slot

__all__ = ["LARGEST_SEED", "Input", "InputType", "batch_of", "guess_inputs", "read_inputs"]

InputType = Literal["text", "integer", "number", "flag", "choice", "picture"]

LARGEST_SEED: Final = 2**53 - 1
"""ComfyUI takes seeds up to 2^64-1; beyond this one JavaScript clients would change them."""

_TYPES: Final = ("text", "integer", "number", "flag", "choice", "picture")
_LARGEST_SIDE: Final = 16_384  # ComfyUI's own limit, nodes.py MAX_RESOLUTION
_LARGEST_BATCH: Final = 64
_SEEDS: Final = ("seed", "noise_seed")
_TEXTS: Final = ("text", "prompt", "text_g", "clip_l", "t5xxl", "positive")
_KEYS: Final = frozenset(
    {"to", "type", "title", "description", "default", "required", "minimum", "maximum", "step", "choices"}
)


@attrs.frozen(kw_only=True)
class Input:
    """One thing the user may say, and where it goes. None: no limit of that kind.

    `picture` takes a reference, whose file's name goes in. `role` is the word by which we know what it is for
    (`prompt`, `seed`, `batch`, …), empty when we do not.
    """

    name: str
    slots: tuple[Slot, ...]
    type: InputType
    title: Text | None = None
    description: Text | None = None
    default: Any = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[Any, ...] = ()
    role: str = ""


def guess_inputs(graph: Graph) -> tuple[Input, ...]:
    """Return what the usual nodes of *graph* leave to the user: prompts, seed, size, number, steps, pictures."""
    found = [*_prompts(graph), *_sizes(graph), *_sampling(graph), *_pictures(graph)]
    return tuple(found)


def _prompts(graph: Graph) -> Iterator[Input]:
    samplers = [node for node in graph.nodes.values() if "positive" in node.inputs]
    positive = _spoken(graph, samplers, "positive") or _spoken(graph, _guiders(graph), "conditioning")
    if positive:
        yield Input(name="prompt", slots=positive, type="text", required=True, role="prompt")
    negative = tuple(slot for slot in _spoken(graph, samplers, "negative") if slot not in positive)
    if negative:
        yield Input(
            name="negative_prompt", slots=negative, type="text", default=graph.value(negative[0]), role="negative"
        )


def _guiders(graph: Graph) -> list[Node]:
    """Newer workflows guide by a node of their own instead of in the sampler (Flux, SD3)."""
    return graph.of_class("BasicGuider", "CFGGuider")


def _spoken(graph: Graph, nodes: list[Node], field: str) -> tuple[Slot, ...]:
    """Return the texts that reach *field* of *nodes*, through whatever stands between."""
    slots: dict[Slot, None] = {}
    for node in nodes:
        source = graph.source(node, field)
        if source is not None:
            slots |= dict.fromkeys(_texts_behind(graph, source, set()))
    return tuple(slots)


def _texts_behind(graph: Graph, node: Node, seen: set[str]) -> Iterator[Slot]:
    if node.id in seen:
        return
    seen.add(node.id)
    own = [Slot(node.id, field) for field in _TEXTS if isinstance(node.inputs.get(field), str)]
    yield from own
    if not own:
        for field in node.inputs:
            source = graph.source(node, field)
            if source is not None and field not in ("clip", "vae", "model", "image", "pixels", "control_net"):
                yield from _texts_behind(graph, source, seen)


def batch_of(graph: Graph) -> int:
    """Return how many pictures *graph* makes in one run as it stands in its file."""
    sizes = [node.inputs.get("batch_size") for node in _latents(graph)]
    return max((size for size in sizes if type(size) is int and size > 0), default=1)


def _latents(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes.values() if "Empty" in node.class_type and "width" in node.inputs]


def _sizes(graph: Graph) -> Iterator[Input]:
    latents = _latents(graph)
    for name in ("width", "height"):
        yield from _number(graph, latents, name, name, minimum=16, maximum=_LARGEST_SIDE, step=8)
    yield from _number(graph, latents, "batch_size", "n", minimum=1, maximum=_LARGEST_BATCH, role="batch")
    yield from _number(graph, latents, "length", "length", minimum=1, maximum=_LARGEST_SIDE)


def _sampling(graph: Graph) -> Iterator[Input]:
    nodes = list(graph.nodes.values())
    slots = tuple(Slot(node.id, field) for node in nodes for field in _SEEDS if type(node.inputs.get(field)) is int)
    if slots:
        yield Input(name="seed", slots=slots, type="integer", minimum=0, maximum=LARGEST_SEED, role="seed")
    samplers = [node for node in nodes if "Sampler" in node.class_type or "Scheduler" in node.class_type]
    yield from _number(graph, samplers, "steps", "steps", minimum=1, maximum=1000)
    yield from _number(graph, samplers, "cfg", "guidance_scale", minimum=0, maximum=100, type_="number")


def _number(
    graph: Graph,
    nodes: list[Node],
    field: str,
    name: str,
    *,
    minimum: float,
    maximum: float,
    step: float | None = None,
    type_: InputType = "integer",
    role: str = "",
) -> Iterator[Input]:
    slots = tuple(Slot(node.id, field) for node in nodes if type(node.inputs.get(field)) in (int, float))
    if slots:
        yield Input(
            name=name,
            slots=slots,
            type=type_,
            default=graph.value(slots[0]),
            minimum=minimum,
            maximum=maximum,
            step=step,
            role=role or name,
        )


def _pictures(graph: Graph) -> Iterator[Input]:
    for number, node in enumerate(graph.of_class("LoadImage")):
        if isinstance(node.inputs.get("image"), str):
            name = "image" if not number else f"image_{number + 1}"
            yield Input(name=name, slots=(Slot(node.id, "image"),), type="picture", required=True, role="picture")


def read_inputs(graph: Graph, tables: object) -> tuple[Input, ...]:
    """Return the inputs that an operator named: a table each, by the name that clients use.

    Raises:
        GraphError: a table makes no sense; the text names it, its key and what is allowed.
    """
    if not isinstance(tables, dict):
        raise GraphError("inputs are tables: begin each with [inputs.NAME]")
    return tuple(_read_input(graph, name, table) for name, table in tables.items())


def _read_input(graph: Graph, name: str, table: object) -> Input:
    where = f"inputs.{name}"
    if not isinstance(table, dict) or "to" not in table:
        raise GraphError(f"{where}: say where it goes, to = 'NODE.FIELD' (or a list of them)")
    strangers = sorted(table.keys() - _KEYS)
    if strangers:
        raise GraphError(f"{where}: unknown {strangers[0]!r}; known: {', '.join(sorted(_KEYS))}")
    to = table["to"] if isinstance(table["to"], list) else [table["to"]]
    slots = tuple(_slot(graph, where, text) for text in to)
    if not slots:
        raise GraphError(f"{where}: 'to' is an empty list")
    value = graph.value(slots[0])
    type_ = table.get("type") or _type_of(graph, slots[0], value, table)
    if type_ not in _TYPES:
        raise GraphError(f"{where}: type {type_!r} is none of {', '.join(_TYPES)}")
    required = table.get("required", type_ == "picture" or name == "prompt")
    if not isinstance(required, bool):
        raise GraphError(f"{where}: required is true or false, not {required!r}")
    _check_values(where, table, choosing=type_ == "choice")
    role, most = _role(slots[0], name, type_), _limit(where, table, "maximum")
    if role == "batch" and most is None:  # each output has a place in its task
        most = _LARGEST_BATCH
    return Input(
        name=name,
        slots=slots,
        type=type_,
        title=_text(where, table, "title"),
        description=_text(where, table, "description"),
        default=None if required else table.get("default", value),
        required=required,
        minimum=_limit(where, table, "minimum"),
        maximum=most,
        step=_limit(where, table, "step"),
        choices=tuple(table.get("choices", ())),
        role=role,
    )


def _check_values(where: str, table: Mapping[str, Any], *, choosing: bool) -> None:
    """Refuse limits between which nothing lies, choices that are none, and a default that may not be sent."""
    choices, default = table.get("choices"), table.get("default")
    named = isinstance(choices, list) and bool(choices)
    if (choosing or choices is not None) and not named:
        raise GraphError(f"{where}: choices are a list of values, not {choices!r}")
    if choices is not None and default is not None and default not in choices:
        raise GraphError(f"{where}: default {default!r} is none of the choices")
    least, most = _limit(where, table, "minimum"), _limit(where, table, "maximum")
    if least is not None and most is not None and least > most:
        raise GraphError(f"{where}: minimum {least} is above maximum {most}")
    if isinstance(default, int | float) and not _lies_between(least, default, most):
        raise GraphError(f"{where}: default {default!r} is not from minimum to maximum")


def _lies_between(least: float | None, value: float, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _slot(graph: Graph, where: str, text: object) -> Slot:
    try:
        return graph.slot(str(text))
    except GraphError as error:
        raise GraphError(f"{where}: {error}") from None


def _type_of(graph: Graph, slot: Slot, value: object, table: Mapping[str, Any]) -> InputType:
    if table.get("choices"):
        return "choice"
    if graph.nodes[slot.node].class_type == "LoadImage" and slot.field == "image":
        return "picture"
    kinds: dict[type, InputType] = {bool: "flag", int: "integer", float: "number"}
    return kinds.get(type(value), "text")


def _role(slot: Slot, name: str, type_: str) -> str:
    if type_ == "picture":
        return "picture"
    known = {"batch_size": "batch", "seed": "seed", "noise_seed": "seed"}
    return known.get(slot.field, name)


def _limit(where: str, table: Mapping[str, Any], key: str) -> float | None:
    value = table.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise GraphError(f"{where}: {key} is a number, not {value!r}")
    return value


def _text(where: str, table: Mapping[str, Any], key: str) -> Text | None:
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, dict) and isinstance(value.get("en"), str) and isinstance(value.get("zh"), str):
        return Text(value["en"], value["zh"])
    raise GraphError(f"{where}: {key} is a text, or {{ en = '…', zh = '…' }}")
