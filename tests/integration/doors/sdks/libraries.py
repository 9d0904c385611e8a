"""Client libraries in one form: a call goes in, and what their user gets comes out (`asking.make`)."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import attrs
from PIL import Image

__all__ = ["LIBRARIES", "Call", "Library", "Outcome"]


@attrs.frozen(kw_only=True)
class Door:
    """Where libraries ask: the base, the requests as a proxy sees them, status and code of each refusal."""

    base: str
    generate: str
    edit: str
    wait: str
    refusals: Mapping[str, tuple[int, str]]


OPENAI = Door(
    base="/v1",
    generate="POST /v1/images/generations",
    edit="POST /v1/images/edits",
    wait="GET /v1/images/wait/",
    refusals={
        "moderation": (400, "moderation_blocked"),
        "model": (404, "model_not_found"),
        "key": (401, "invalid_api_key"),
        "budget": (429, "insufficient_quota"),
    },
)
ARK = Door(
    base="/api/v3",
    generate="POST /api/v3/images/generations",
    edit="POST /api/v3/images/generations",
    wait="GET /api/v3/images/wait/",
    refusals={
        "moderation": (400, "InputTextSensitiveContentDetected"),
        "model": (404, "InvalidEndpointOrModel.NotFound"),
        "key": (401, "AuthenticationError"),
        "budget": (402, "SetLimitExceeded"),
    },
)


@attrs.frozen(kw_only=True)
class Library:
    """A library: whose door it is for, by what name it asks for a model, and which calls it has.

    *tries*: how often it asks when it is told not to ask again.
    """

    name: str
    door: Door = OPENAI
    model: str = "gpt-image-1"
    edits: bool = True
    streams: bool = True
    tries: int = 1

    def __str__(self) -> str:
        """How a test's name says it."""
        return self.name


LIBRARIES = (
    Library(name="openai_python"),
    Library(name="openai_node"),
    Library(name="vercel_openai", streams=False, tries=3),
    Library(name="vercel_compatible", streams=False, tries=3),
    Library(name="ark_python", door=ARK, model="doubao-seedream-4-0-250828"),
    # It reads links alone, and has this name of a model unless told another.
    Library(name="langchain", model="dall-e-2", edits=False, streams=False),
)


@attrs.frozen(kw_only=True)
class Call:
    """What is asked for. *images* are references in base64; *n* None is left out."""

    base: str
    key: str
    prompt: str
    model: str
    n: int | None = None
    images: tuple[str, ...] | None = None
    stream: bool = False


@attrs.frozen(kw_only=True)
class Outcome:
    """What a library's user gets: pictures in base64, or a failure with its `status`, `code` and `message`."""

    pictures: list[str] = attrs.field(factory=list)
    failure: dict[str, Any] | None = None

    @property
    def opened(self) -> int:
        """How many pictures a viewer opens."""
        return sum(_opens(each) for each in self.pictures)


def _opens(data: str) -> bool:
    with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as picture:
        return picture.width > 0
