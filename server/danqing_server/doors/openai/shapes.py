"""What clients of OpenAI's Images API send and are sent.

Source: OpenAI's API reference, platform.openai.com/docs/api-reference/images, and openai-python 3.57.0, read
2026-11-28.
"""

from __future__ import annotations

from typing import Annotated, TypedDict

from danqing_server.http.shapes import said

__all__ = ["OpenAIErrorShape", "OpenAIFaultShape"]


class OpenAIFaultShape(TypedDict):
    """What went wrong."""

    message: Annotated[str, said("in English", "size: must be a string")]
    type: Annotated[str, said("coarse", "invalid_request_error")]
    param: Annotated[str | None, said("the field that is wrong, as it was sent", "size")]
    code: Annotated[str | None, said("stable", "validation_failed")]


class OpenAIErrorShape(TypedDict):
    """Every error under `/v1`, whoever found it."""

    error: OpenAIFaultShape
