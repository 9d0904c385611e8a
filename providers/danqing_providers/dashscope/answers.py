"""What comes back: an order's state, the outputs of a whole answer, and what they cost.

Sources: help.aliyun.com/zh/model-studio/manage-asynchronous-tasks and the pages of the models, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from danqing_plugins import OutputKind, PluginError, Price, Source
from danqing_plugins.kit.failures import Answered
from danqing_plugins.kit.reading import Answer
from danqing_providers.dashscope.catalogue import LARGE_PIXELS
from danqing_providers.dashscope.failures import failure_of

__all__ = ["OrderState", "cost_of", "id_of", "output_of", "sources_of", "state_of", "usage_of"]


class OrderState(StrEnum):
    """Where an order stands. A state that is not known, such as SUSPENDED, counts as under way."""

    LIVE = "live"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"


_KINDS: Final = ("_1k", "_2k")
_STATES: Final = {state.value: state for state in OrderState if state is not OrderState.LIVE}


def output_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the `output` of an answer, empty when it has none."""
    output = document.get("output")
    return output if isinstance(output, Mapping) else {}


def id_of(document: Mapping[str, Any]) -> str | None:
    """Return the id of a new order; None: the answer names none."""
    found = output_of(document).get("task_id")
    return found if isinstance(found, str) and found else None


def state_of(document: Mapping[str, Any]) -> OrderState:
    """Return where the order of an answer stands."""
    return _STATES.get(str(output_of(document).get("task_status")), OrderState.LIVE)


def sources_of(answer: Answer) -> list[Source | PluginError]:
    """Return the outputs of a finished order or of a whole answer, in order: where each is, or why it was not made.

    Text models answer `results`, message models `choices`, video models `video_url`.
    """
    output = output_of(answer.document)
    if isinstance(output.get("video_url"), str) and output["video_url"]:
        return [Source.from_url(output["video_url"], OutputKind.VIDEO)]
    results = output.get("results")
    if isinstance(results, Sequence) and not isinstance(results, str) and results:
        return [_result(each, answer.answered) for each in results if isinstance(each, Mapping)]
    return [Source.from_url(url) for choice in _mappings(output.get("choices")) for url in _pictures(choice)]


def _result(result: Mapping[str, Any], answered: Answered) -> Source | PluginError:
    url = result.get("url")
    return Source.from_url(url) if isinstance(url, str) and url else failure_of(result, answered)


def _pictures(choice: Mapping[str, Any]) -> list[str]:
    message = choice.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    found = (part.get("image") for part in _mappings(content))
    return [url for url in found if isinstance(url, str) and url]


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def usage_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the service's own count; numbers are summed over the calls of a task."""
    usage = document.get("usage")
    return dict(usage) if isinstance(usage, Mapping) else {}


def cost_of(document: Mapping[str, Any], price: Price | None) -> int | None:
    """Return what the pictures of an answer cost by its own count, in millionths; None: as was estimated.

    Of a model with two prices alone: the size that decides between them may be the model's choice.
    """
    usage = usage_of(document)
    count, is_large = usage.get("output_image_count", usage.get("image_count")), _is_large(usage)
    if price is None or price.most_micro is None or is_large is None or type(count) is not int or count < 0:
        return None
    return count * (price.most_micro if is_large else price.amount_micro)


def _is_large(usage: Mapping[str, Any]) -> bool | None:
    """Say which of two prices *usage* counts by; None: it does not tell."""
    kind = usage.get("output_image_type")
    if isinstance(kind, str) and kind.endswith(_KINDS):
        return kind.endswith(_KINDS[1])
    width, height = (usage.get(f"output_{side}", usage.get(side)) for side in ("width", "height"))
    return width * height > LARGE_PIXELS if type(width) is int and type(height) is int else None
