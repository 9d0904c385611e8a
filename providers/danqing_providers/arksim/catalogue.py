"""The image models and what each allows.

Source: Volcengine documentation 82379/1541523 (image generation API) in its editions for 4.0, 4.5, 5.0-lite and
5.0-pro, and recorded answers of the live service of 2026-09-04; read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

__all__ = ["ALIASES", "MODELS", "RECOMMENDED", "Model"]

ADAPTIVE = "adaptive"


@attrs.frozen(kw_only=True)
class Model:
    """One model. `family` is its name without the date; `parameters` are the optional ones it takes.

    `rejected` are those it refuses, where others are ignored. `tiers` is ordered, in lower case.
    """

    id: str
    family: str
    version: str
    shut_down: bool = False
    tiers: tuple[str, ...] = ()
    pixels: tuple[int, int]
    default_size: str
    max_references: int
    min_references: int = 0
    max_ratio: int = 16
    parameters: frozenset[str]
    rejected: frozenset[str] = frozenset()
    optimize_modes: tuple[str, ...] = ("standard",)
    reports_size: bool = True
    reports_format: bool = False


_GROUPS = frozenset({"sequential_image_generation", "stream", "optimize_prompt_options"})
_OLD = frozenset({"seed", "guidance_scale"})

_LIST = (
    Model(
        id="doubao-seedream-5-0-pro-260628",
        family="doubao-seedream-5-0-pro",
        version="260628",
        tiers=("1k", "2k"),
        pixels=(921600, 4624220),
        default_size="2k",
        max_references=10,
        parameters=frozenset({"optimize_prompt_options", "output_format", "background", "layer_decomposition"}),
        rejected=frozenset({"sequential_image_generation"}),
        optimize_modes=("standard", "fast"),
        reports_format=True,
    ),
    Model(
        id="doubao-seedream-5-0-260128",
        family="doubao-seedream-5-0",
        version="260128",
        tiers=("2k", "3k", "4k"),
        pixels=(3686400, 16777216),
        default_size="2048x2048",
        max_references=14,
        parameters=_GROUPS | {"output_format", "tools"},
    ),
    Model(
        id="doubao-seedream-4-5-251128",
        family="doubao-seedream-4-5",
        version="251128",
        tiers=("2k", "4k"),
        pixels=(3686400, 16777216),
        default_size="2048x2048",
        max_references=14,
        parameters=_GROUPS,
        rejected=frozenset({"output_format"}),
    ),
    Model(
        id="doubao-seedream-4-0-250828",
        family="doubao-seedream-4-0",
        version="250828",
        tiers=("1k", "2k", "4k"),
        pixels=(921600, 16777216),
        default_size="2048x2048",
        max_references=14,
        parameters=_GROUPS,
        rejected=frozenset({"output_format"}),
        optimize_modes=("standard", "fast"),
    ),
    Model(
        id="doubao-seedream-3-0-t2i-250415",
        family="doubao-seedream-3-0-t2i",
        version="250415",
        shut_down=True,
        pixels=(262144, 4194304),
        default_size="1024x1024",
        max_references=0,
        parameters=_OLD,
        reports_size=False,
    ),
    Model(
        id="doubao-seededit-3-0-i2i-250628",
        family="doubao-seededit-3-0-i2i",
        version="250628",
        shut_down=True,
        pixels=(262144, 4194304),
        default_size=ADAPTIVE,
        min_references=1,
        max_references=1,
        max_ratio=3,
        parameters=_OLD,
        reports_size=False,
    ),
)

MODELS: Mapping[str, Model] = {model.id: model for model in _LIST}

ALIASES: Mapping[str, str] = {
    "dola-seedream-5-0-pro-260628": "doubao-seedream-5-0-pro-260628",
    "doubao-seedream-5-0-lite-260128": "doubao-seedream-5-0-260128",
    "seedream-5-0-260128": "doubao-seedream-5-0-260128",
    "seedream-4-5-251128": "doubao-seedream-4-5-251128",
    "seedream-4-0-250828": "doubao-seedream-4-0-250828",
    "seedream-3-0-t2i-250415": "doubao-seedream-3-0-t2i-250415",
    "seededit-3-0-i2i-250628": "doubao-seededit-3-0-i2i-250628",
}

# The first of each row is the tier's square. Only landscape shapes are listed; each may be turned.
RECOMMENDED: Mapping[str, tuple[tuple[int, int], ...]] = {
    "1k": ((1024, 1024), (1152, 864), (1280, 720), (1248, 832), (1512, 648)),
    "2k": ((2048, 2048), (2304, 1728), (2848, 1600), (2496, 1664), (3136, 1344)),
    "3k": ((3072, 3072), (3456, 2592), (4096, 2304), (3744, 2496), (4704, 2016)),
    "4k": ((4096, 4096), (4704, 3520), (5504, 3040), (4992, 3328), (6240, 2656)),
}
