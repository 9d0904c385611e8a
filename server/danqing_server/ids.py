"""Identifiers: time-ordered where they are keys, unguessable where they are handed out."""

from __future__ import annotations

import os

__all__ = ["new_id", "new_task_id", "new_token", "task_id_of"]

_KINDS = {"image": "img", "image_generation": "img", "video": "vid", "text": "txt"}


def new_token(size_bytes: int = 12) -> str:
    """Return a random token of *size_bytes* bytes in hexadecimal."""
    return os.urandom(size_bytes).hex()


def new_id(now_ms: int) -> str:
    """Return an id that sorts by its creation: 12 hexadecimal digits of milliseconds, then 80 random bits."""
    return f"{now_ms:012x}{new_token(10)}"


def new_task_id(provider: str, type_: str, now_ms: int) -> str:
    """Return a task's id, `volcengine_img_…`; the tail sorts by time and cannot be guessed."""
    return task_id_of(provider, type_, now_ms, new_token(10))


def task_id_of(provider: str, type_: str, now_ms: int, tail: str) -> str:
    """Return the task's id that ends in *tail*, 20 hexadecimal digits that nobody can guess."""
    return f"{provider}_{_KINDS.get(type_, type_)}_{now_ms:012x}{tail}"
