"""What programs with a field for OpenAI's base URL send to it, and what they read of the answer.

Each entry says from which source of the program it was taken; all were read on 2026-11-28, and none was recorded
from a running program. Where a program leaves a value to its user (the model, a size), the entry has one.
"""

from __future__ import annotations

from typing import Any, Literal

import attrs

__all__ = ["RECORDED", "Recorded"]

Reads = Literal["b64_json", "url", "url, else b64_json", "b64_json, else url", "both"]


@attrs.frozen(kw_only=True)
class Recorded:
    """One request of a program.

    *fields* are the JSON body, or the text parts of a form where there are *files*: the names of the parts with
    the references, in their order. *reads* is the key, or the keys in order of preference, of an entry of `data`.
    """

    program: str
    source: str
    fields: dict[str, Any]
    reads: Reads
    files: tuple[str, ...] = ()
    headers: dict[str, str] = attrs.field(factory=dict)

    @property
    def path(self) -> str:
        """Where it is sent, below the base URL."""
        return "/images/edits" if self.files else "/images/generations"

    def __str__(self) -> str:
        return f"{self.program}: {'edit' if self.files else 'generate'} {self.fields.get('model')}"


_OPENAI_JS = {"User-Agent": "OpenAI/JS 7.59.0", "x-stainless-lang": "js", "x-stainless-retry-count": "0"}
_OPENAI_PYTHON = {
    "User-Agent": "OpenAI/Python 3.57.0",
    "x-stainless-lang": "python",
    "x-stainless-retry-count": "0",
}
_BROWSER = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache", "Origin": "http://localhost:5173"}
_OPEN_WEBUI_USER = {"X-OpenWebUI-User-Id": "u-17", "X-OpenWebUI-User-Role": "user"}

_OPEN_WEBUI = "open-webui 02530d50, routers/images.py"
_LIBRECHAT = "LibreChat 8731432f, OpenAIImageTools.js"
_CHERRY = "cherry-studio, the newapi page of its paintings"
_DIFY = "dify-official-plugins 7af22831, tools/openai"
_PLAYGROUND = "CookSleep/gpt_image_playground 4e56f38"

RECORDED = (
    Recorded(
        program="Open WebUI",
        source=_OPEN_WEBUI,
        headers=_OPEN_WEBUI_USER,
        fields={"model": "gpt-image-1", "n": 1, "size": "512x512"},
        reads="url, else b64_json",
    ),
    Recorded(
        program="Open WebUI",
        source=_OPEN_WEBUI,
        fields={
            "model": "doubao-seedream-4-0-250828",
            "n": 1,
            "size": "512x512",
            "response_format": "b64_json",
        },
        reads="url, else b64_json",
    ),
    Recorded(
        program="Open WebUI",
        source=_OPEN_WEBUI,
        fields={"model": "dall-e-2", "n": "1", "size": "1024x1024", "response_format": "b64_json"},
        files=("image",),
        reads="url, else b64_json",
    ),
    Recorded(
        program="LibreChat",
        source=_LIBRECHAT,
        headers=_OPENAI_JS,
        fields={
            "model": "gpt-image-1",
            "n": 1,
            "background": "auto",
            "output_format": "png",
            "quality": "auto",
            "size": "auto",
            "output_compression": 100,
        },
        reads="b64_json",
    ),
    Recorded(
        program="LibreChat",
        source=_LIBRECHAT,
        fields={"model": "gpt-image-1", "quality": "auto", "size": "auto"},
        files=("image[]", "image[]"),
        reads="b64_json",
    ),
    Recorded(
        program="LobeHub",
        source="lobehub 1ae7c139, createImage.ts",
        headers=_OPENAI_JS,
        fields={"model": "gpt-image-1", "n": 1, "seed": 7, "steps": 20, "size": "1024x1024"},
        reads="b64_json, else url",
    ),
    Recorded(
        program="Cherry Studio",
        source=_CHERRY,
        fields={"model": "gpt-image-1", "size": "1024x1024", "background": "opaque", "n": 1, "quality": "high"},
        reads="b64_json, else url",
    ),
    Recorded(
        program="Cherry Studio",
        source=_CHERRY,
        fields={"model": "gpt-image-1", "size": "1024x1024", "n": "1"},
        files=("image", "image"),
        reads="b64_json, else url",
    ),
    Recorded(
        program="Dify",
        source=_DIFY,
        headers=_OPENAI_PYTHON,
        fields={"model": "gpt-image-2", "n": 1, "quality": "high"},
        reads="b64_json",
    ),
    Recorded(
        program="Dify",
        source=_DIFY,
        headers=_OPENAI_PYTHON,
        fields={"model": "dall-e-3", "n": 1, "size": "1792x1024", "quality": "hd", "style": "vivid"},
        reads="b64_json",
    ),
    Recorded(
        program="Dify",
        source=_DIFY,
        headers=_OPENAI_PYTHON,
        fields={"model": "gpt-image-1", "n": "1"},
        files=("image[]", "image[]"),
        reads="b64_json",
    ),
    Recorded(
        program="n8n",
        source="n8n 0713e950, the OpenAi v2 node",
        fields={"model": "gpt-image-1-mini"},
        reads="b64_json",
    ),
    Recorded(
        program="n8n",
        source="n8n 0713e950, the OpenAi v2 node",
        fields={"model": "dall-e-3", "response_format": "b64_json"},
        reads="b64_json",
    ),
    Recorded(
        program="n8n, with links",
        source="n8n 0713e950, the OpenAi v2 node",
        fields={"model": "dall-e-3", "response_format": "url"},
        reads="url",
    ),
    Recorded(
        program="NextChat",
        source="NextChat 706a18b9",
        fields={
            "model": "dall-e-3",
            "response_format": "b64_json",
            "n": 1,
            "size": "1024x1792",
            "quality": "hd",
            "style": "natural",
        },
        reads="url, else b64_json",
    ),
    Recorded(
        program="gpt_image_playground",
        source=_PLAYGROUND,
        headers=_BROWSER,
        fields={
            "model": "gpt-image-2",
            "size": "1024x1024",
            "output_format": "jpeg",
            "output_compression": 80,
            "moderation": "auto",
            "quality": "auto",
            "n": 2,
        },
        reads="b64_json, else url",
    ),
    Recorded(
        program="gpt_image_playground",
        source=_PLAYGROUND,
        headers=_BROWSER,
        fields={"model": "gpt-image-2", "size": "auto", "output_format": "png", "moderation": "low"},
        files=("image[]",),
        reads="b64_json, else url",
    ),
    Recorded(
        program="Azure's clients",
        source="openai-python 3.57.0, lib/azure.py",
        headers={"api-key": "KEY"},
        fields={"model": "gpt-image-1", "n": 1},
        reads="b64_json",
    ),
)
