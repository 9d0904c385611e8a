"""The presets as they are written: tables of TOML, with what one has from another that it is `like`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

__all__ = ["PRESETS", "over", "raw_preset"]

PRESETS: Final = (
    *("openai", "azure", "xai", "together", "siliconflow", "zhipu"),
    *("localai", "vllm_omni", "sglang", "sdcpp", "custom"),
)
_FOLDER: Final = Path(__file__).with_name("presets")


@cache
def raw_preset(name: str) -> Mapping[str, Any]:
    """Return the tables of preset *name*."""
    found = tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8"))
    if "like" not in found:
        return found
    # A service that is like another lives elsewhere.
    return over({key: value for key, value in raw_preset(found["like"]).items() if key != "base_url"}, found)


def over(base: Mapping[str, Any], written: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *base* with what *written* says instead; tables by name, models one after the other."""
    merged = {**base, **{name: value for name, value in written.items() if name != "like"}}
    for name in ("knobs", "takes"):
        merged[name] = {**base.get(name, {}), **written.get(name, {})}
    left_out = written.get("without", ())
    # Still there for those that are like it.
    kept = [{**model, "hidden": True} if model["id"] in left_out else model for model in base.get("models", ())]
    merged["models"] = [*kept, *written.get("models", ())]
    return merged
