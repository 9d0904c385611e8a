"""What `style` does: a phrase after the prompt, in the prompt's language.

Ark has no such parameter; see `docs/decisions/0002-names-ark-does-not-know.md`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["STYLES", "styled"]

STYLES: Final[Mapping[str, tuple[str, str]]] = {
    "natural": ("，自然的光线与色彩", ", natural light and colours"),
    "anime": ("，动漫风格", ", anime style"),
    "cyberpunk": ("，赛博朋克风格，霓虹灯光", ", cyberpunk style, neon lights"),
    "realistic": ("，照片级写实风格", ", photorealistic style"),
}
"""The phrase of each style, in Chinese and in English."""

_HAN = re.compile(r"[\u3400-\u9fff]")


def styled(prompt: str, style: str | None) -> str:
    """Return *prompt* with the phrase of *style*: in Chinese when it holds a Chinese character, else in English."""
    if style is None:
        return prompt
    chinese, english = STYLES[style]
    return f"{prompt.rstrip()}{chinese if _HAN.search(prompt) else english}"
