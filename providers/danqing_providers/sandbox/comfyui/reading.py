"""What a workflow will make, read from its nodes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from danqing_providers.sandbox.comfyui.validation import is_link

__all__ = ["digest_of", "prompt_of", "shape_of"]


def prompt_of(graph: Mapping[str, Any]) -> str:
    """Return the text that reaches a sampler's `positive`; the first text of all where there is no sampler."""
    for node in graph.values():
        if isinstance(node, dict) and is_link(node.get("inputs", {}).get("positive")):
            found = _text_behind(graph, node["inputs"]["positive"][0], set())
            if found:
                return found
    inputs = [node.get("inputs", {}) for node in graph.values() if isinstance(node, dict)]
    return next((str(each["text"]) for each in inputs if "text" in each), "")


def _text_behind(graph: Mapping[str, Any], id_: str, seen: set[str]) -> str:
    if id_ in seen or not isinstance(graph.get(id_), dict):
        return ""
    seen.add(id_)
    inputs = graph[id_].get("inputs", {})
    if isinstance(inputs.get("text"), str):
        return str(inputs["text"])
    return next(
        filter(None, (_text_behind(graph, value[0], seen) for value in inputs.values() if is_link(value))), ""
    )


def shape_of(graph: Mapping[str, Any]) -> dict[str, Any]:
    """Return the size, number, length and seed of what a workflow makes."""
    shape: dict[str, Any] = {"width": 512, "height": 512, "batch": 1, "seconds": 2.0, "seed": None, "pictures": []}
    frames, fps = 33, 16.0
    for node in graph.values():
        inputs = node.get("inputs", {})
        if "Empty" in node["class_type"]:
            shape |= {"width": inputs["width"], "height": inputs["height"], "batch": inputs["batch_size"]}
            frames = inputs.get("length", frames)
        if isinstance(inputs.get("seed"), int):
            shape["seed"] = inputs["seed"] % 2**31
        if node["class_type"] == "CreateVideo":
            fps = float(inputs.get("fps", fps))
        if node["class_type"] == "LoadImage":
            shape["pictures"].append(inputs.get("image"))
    shape["seconds"] = max(0.5, frames / fps)
    return shape


def digest_of(graph: Mapping[str, Any]) -> str:
    """Return what is the same for workflows that differ only in their files' names."""
    plain = [
        [id_, node["class_type"], {**node.get("inputs", {}), "filename_prefix": None}]
        for id_, node in graph.items()
    ]
    return hashlib.sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)).hexdigest()
