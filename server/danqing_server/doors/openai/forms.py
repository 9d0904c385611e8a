"""A multipart form of OpenAI's clients as the JSON body it stands for.

The libraries send one picture as the part `image`, several as `image[]`; others repeat `image`, or count. Files may
come before the fields, under any type.
Sources: openai-python 3.57.0, openai-node 7.59.0, ai 7.0.173, Cherry Studio, tried or read 2026-11-28.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from danqing_server.http.multipart import Form
from danqing_server.records.tasks import JsonObject

__all__ = ["body_of_form", "identity_of_form"]

LISTS = frozenset({"image", "images"})

_INDEX = re.compile(r"\[[0-9]{0,4}\]$")


def body_of_form(form: Form) -> JsonObject:
    """Return the fields, the last of each, and the files of *form* as one body; a file is its bytes.

    A page's form has its fields and files whether they were filled in or not: what is empty is absent.
    """
    body: dict[str, Any] = {}
    pictures: list[Any] = []
    for name, values in form.fields.items():
        if _plain(name) in LISTS:
            pictures += [value for value in values if value]
        else:
            body |= {name: values[-1]} if values[-1] else {}
    for file in form.files:
        if not file.filename and not file.body:
            continue
        if _plain(file.name) in LISTS:
            pictures.append(file.body)
        else:
            body[file.name] = file.body
    return {**body, "image": pictures} if pictures else body


def identity_of_form(form: Form) -> JsonObject:
    """Return what two forms that ask for the same have in common: fields, and files by their hash."""
    files = [[_plain(file.name), sha256(file.body).hexdigest()] for file in form.files]
    return {"fields": form.fields, "files": files}


def _plain(name: str) -> str:
    """Return the name of a part without what makes it one of several."""
    return _INDEX.sub("", name)
