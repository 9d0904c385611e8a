"""A task's route: the targets behind the public model name it was sent to, and how far along them it is.

A *target* is a model of a provider, with all that is needed to run there: each prepared the input when it was
submitted. The task itself says what its current target needs; the others' is kept here until its turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from danqing_plugins import Price
from danqing_plugins.billing import Billed
from danqing_server.records.lanes import lane_name

__all__ = ["MOST_TRIED", "RoutedTarget", "TaskRoute", "Tried"]

MOST_TRIED = 32
"""How many of its last tries a task remembers."""


@attrs.frozen(kw_only=True)
class RoutedTarget:
    """A target, and what it made of the input; `references` are the places of those of the task's that it takes."""

    provider: str
    model: str
    input: Mapping[str, Any] = attrs.field(repr=False)
    references: tuple[int, ...] = ()
    single_call: bool = False
    notes: tuple[str, ...] = ()
    price: Price | None = None
    lane_word: str | None = None
    finds_orders: bool = False

    @property
    def lane(self) -> str:
        """The lane of its tasks."""
        return lane_name(self.provider, self.lane_word)

    @property
    def name(self) -> str:
        """What people call it, as in the configuration."""
        return f"{self.provider}/{self.model}"

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields of a task that are as its current target has them."""
        return {name: getattr(self, name) for name in OF_TARGET}


OF_TARGET = ("provider", "model", "input", "single_call", "notes", "price", "lane_word", "finds_orders")


@attrs.frozen(kw_only=True)
class Tried:
    """Why a target did not make it: an error's code, or what kept its lane shut; `not_suitable` at submission."""

    provider: str
    model: str
    code: str
    at: datetime
    billed: Billed = Billed.NO


@attrs.frozen(kw_only=True)
class TaskRoute:
    """Where a task is on its route; `model` is the public name.

    `target` is the place of its current one. `passed` are those that failed since the task last paused, `refused`
    those that will never take it; `wishes` has by their place until when some asked this task to wait. `tried` says
    why the others did not make it, the oldest first. `on_rejected` is what follows when moderation refuses: `fail`
    or `next`.
    """

    model: str
    targets: tuple[RoutedTarget, ...]
    target: int = 0
    passed: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    tried: tuple[Tried, ...] = ()
    on_rejected: str = "fail"
    wishes: Mapping[str, datetime] = attrs.field(factory=dict)

    @property
    def current(self) -> RoutedTarget:
        """The target whose turn it is."""
        return self.targets[self.target]

    def noting(self, code: str, at: datetime, billed: Billed = Billed.NO, target: int | None = None) -> TaskRoute:
        """Return the route with one more reason why a target, the current one unless named, did not make it."""
        failed = self.current if target is None else self.targets[target]
        tried = Tried(provider=failed.provider, model=failed.model, code=code, at=at, billed=billed)
        return attrs.evolve(self, tried=(*self.tried, tried)[-MOST_TRIED:])
