"""Submissions to a route: a public model name behind which several providers' models stand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import attrs

from danqing_plugins import Message, Problem, Text
from danqing_server.clock import Clock
from danqing_server.desk.checking import Checked, Checker, Taken
from danqing_server.desk.forecast import Forecast, LaneView
from danqing_server.desk.request import Submission
from danqing_server.errors import InvalidSubmission
from danqing_server.life.onward import OPEN, Opening, opening_of, start
from danqing_server.records.routing import RoutedTarget, TaskRoute, Tried
from danqing_server.settings.routes import Route, Target

__all__ = ["Routing"]

NOT_SUITABLE = "not_suitable"
PROBE_EVERY_S = 5.0

LEFT_OUT = Message(
    key="target_left_out",
    en="{target} was left out: {field}: {message}",
    zh="已跳过 {target}：{field} {message}",
)
MAKES_OTHERS = Message(
    key="target_makes_others",
    en="it would make {outputs} outputs of kind {kind}, not {wanted} of kind {wanted_kind}",
    zh="它会生成 {outputs} 个 {kind}，而不是 {wanted} 个 {wanted_kind}",
)


@attrs.frozen(kw_only=True)
class _Suitable:
    """A target that takes the request."""

    target: Target
    checked: Checked


@attrs.define(eq=False)
class Routing:
    """Checks submissions to routes, and says where their tasks start."""

    routes: Mapping[str, Route]
    checker: Checker
    forecast: Forecast
    clock: Clock
    _tried_at_s: dict[str, float] = attrs.field(factory=dict, init=False)

    def find(self, submission: Submission) -> Route | None:
        """Return the route that *submission* names, None when it asks a provider for a model."""
        return self.routes.get(submission.model or "") if submission.provider is None else None

    async def check(self, submission: Submission, route: Route) -> Checked:
        """Return what *submission* amounts to at each target of *route* that takes it, where the first can start.

        Raises:
            InvalidSubmission: no target takes it; the problems are those of the first.
            QueueUnavailable: nobody can tell how the lanes stand.
        """
        taken: Taken = {}
        suitable: list[_Suitable] = []
        refused: list[tuple[Target, InvalidSubmission]] = []
        for target in route.targets:
            asked = attrs.evolve(submission, provider=target.provider, model=target.model)
            try:
                checked = await self.checker.check(asked, taken)
                _require_alike(checked, suitable)
            except InvalidSubmission as error:
                refused.append((target, error))
            else:
                suitable.append(_Suitable(target=target, checked=checked))
        if not suitable:
            raise self._first_refusal(refused)
        return await self._start(_as_one(route, suitable, refused, taken, self.clock.now()))

    def _first_refusal(self, refused: Sequence[tuple[Target, InvalidSubmission]]) -> InvalidSubmission:
        """Return what the first target has against it; that one is not there helps nobody."""
        providers = self.checker.registry.providers
        present = [error for target, error in refused if target.provider in providers]
        return next(iter(present), refused[0][1])

    async def _start(self, checked: Checked) -> Checked:
        """Return *checked* with its task at the target where it can start."""
        route = checked.route
        if route is None or len(route.targets) == 1:
            return checked
        lanes = list(dict.fromkeys(target.lane for target in route.targets))
        views = dict(zip(lanes, await asyncio.gather(*map(self.forecast.lane, lanes)), strict=True))
        openings = [self._opening(target, views[target.lane]) for target in route.targets]
        return attrs.evolve(checked, route=start(route, openings, self.clock.now()))

    def _opening(self, target: RoutedTarget, view: LaneView) -> Opening:
        """Return how a target stands; where somebody is to try whether its service is back, one task is let in."""
        found = opening_of(view.gate, target.model, self.clock.now_ms())
        if found.is_open or found.wait_ms != 0 or view.depth.queued or view.depth.held:
            return found
        now_s = self.clock.monotonic_s()
        if now_s - self._tried_at_s.get(target.lane, float("-inf")) < PROBE_EVERY_S:
            return found
        self._tried_at_s[target.lane] = now_s
        return OPEN


def _require_alike(checked: Checked, suitable: Sequence[_Suitable]) -> None:
    """Raise InvalidSubmission unless a target makes what the first does: each goes on where others left."""
    if not suitable:
        return
    here, first = checked.prepared, suitable[0].checked.prepared
    if (here.outputs, here.kind) != (first.outputs, first.kind):
        message = MAKES_OTHERS(outputs=here.outputs, kind=here.kind, wanted=first.outputs, wanted_kind=first.kind)
        raise InvalidSubmission([Problem(field="model", message=message)])


def _as_one(
    route: Route,
    suitable: Sequence[_Suitable],
    refused: Sequence[tuple[Target, InvalidSubmission]],
    taken: Taken,
    at: datetime,
) -> Checked:
    """Return what the targets made of a submission as the one thing that is stored."""
    first = suitable[0].checked
    keys = [key for key in taken if any(key in each.checked.provider.reference_fields for each in suitable)]
    places = _places(keys, taken)
    notes = tuple(_left_out(target, error) for target, error in refused)
    trail = TaskRoute(
        model=route.model,
        targets=tuple(_routed(each.checked, places, notes) for each in suitable),
        tried=tuple(
            Tried(provider=target.provider, model=target.model, code=NOT_SUITABLE, at=at) for target, _ in refused
        ),
        on_rejected=route.on_rejected,
    )
    references = tuple(reference for key in keys for reference in taken[key])
    return attrs.evolve(first, references=references, route=trail, on_ambiguous=route.on_ambiguous)


def _places(keys: Sequence[str], taken: Taken) -> Mapping[str, range]:
    """Return where the references of each key stand among all of the task's."""
    places, start_ = {}, 0
    for key in keys:
        places[key] = range(start_, start_ + len(taken[key]))
        start_ += len(taken[key])
    return places


def _routed(checked: Checked, places: Mapping[str, range], notes: Sequence[str]) -> RoutedTarget:
    prepared = checked.prepared
    fields = checked.provider.reference_fields
    return RoutedTarget(
        provider=checked.provider.name,
        model=prepared.model,
        input=prepared.input,
        references=tuple(place for key in fields for place in places.get(key, ())),
        single_call=prepared.single_call,
        notes=(*prepared.notes, *notes),
        price=prepared.price,
        lane_word=checked.lane_word,
        finds_orders=checked.finds_orders,
    )


def _left_out(target: Target, error: InvalidSubmission) -> Text:
    problem = error.problems[0]
    return LEFT_OUT(target=f"{target.provider}/{target.model}", field=problem.field, message=problem.message)
