"""The body of `POST /contents/generations/tasks`.

Source: volcengine.com/docs/82379/1520757, read 2026-11-28; volcengine-ark-runtime 5.0.54.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["body_of", "marker_of"]

_ROLES: Final = {"image": "first_frame", "last_frame": "last_frame", "reference_image": "reference_image"}
_IN_CONTENT: Final = ("prompt", "reference_video", "reference_audio", "draft_task")


def marker_of(task_id: str, call_id: str) -> str:
    """Return the `safety_identifier` by which an order is known again: 64 characters, which tell nothing."""
    return hashlib.sha256(f"{task_id}:{call_id}".encode()).hexdigest()


def body_of(
    model: str, asked: Mapping[str, Any], pictures: Sequence[tuple[str, str]], marker: str
) -> dict[str, Any]:
    """Return the body; *pictures* are the fields and the URLs, or data URIs, of the task's references."""
    fields = {name: value for name, value in asked.items() if name not in _IN_CONTENT}
    return {"model": model, "content": _content(asked, pictures), **fields, "safety_identifier": marker}


def _content(asked: Mapping[str, Any], pictures: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    if "draft_task" in asked:
        return [{"type": "draft_task", "draft_task": {"id": asked["draft_task"]}}]
    content: list[dict[str, Any]] = [{"type": "text", "text": asked["prompt"]}] if asked.get("prompt") else []
    content += [{"type": "image_url", "image_url": {"url": url}, "role": _ROLES[key]} for key, url in pictures]
    for kind in ("video", "audio"):
        name = f"reference_{kind}"
        content += [
            {"type": f"{kind}_url", f"{kind}_url": {"url": url}, "role": name} for url in asked.get(name) or ()
        ]
    return content
