"""The parts that whole and streamed answers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from danqing_providers.sandbox.ark.orders import Order

__all__ = ["inner_error", "usage"]

_PIXELS_PER_TOKEN: Final = 256


def usage(order: Order, images: int) -> dict[str, Any]:
    """Return what *images* finished pictures cost: one token for each 256 pixels, none for the input."""
    tokens = images * order.size.pixels // _PIXELS_PER_TOKEN
    report: dict[str, Any] = {"generated_images": images, "output_tokens": tokens, "total_tokens": tokens}
    if order.request.model.counts_inputs:
        report["input_images"] = len(order.references)
    if order.request.web_search:
        report["tool_usage"] = {"web_search": 1}
    return report


def inner_error(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the `{code, message}` of one picture's error, from a wrapped error body."""
    error = body["error"]
    return {"code": error["code"], "message": error["message"]}
