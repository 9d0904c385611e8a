"""Whether a submission can be carried out: provider, type, references, and the provider's own checks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import attrs

from danqing_plugins import (
    InvalidRequest,
    Message,
    ModelInfo,
    Prepared,
    Price,
    Problem,
    ProviderInfo,
    Request,
    nearest,
)
from danqing_server.assets.references import ParsedReference, find_own, parse_references
from danqing_server.assets.storage import Assets
from danqing_server.codec.bodies import shorten
from danqing_server.desk.request import Submission
from danqing_server.desk.uploads import Uploads
from danqing_server.errors import InvalidSubmission
from danqing_server.plugins.registry import Registry
from danqing_server.records.lanes import lane_name, lane_word_of
from danqing_server.records.routing import RoutedTarget, TaskRoute
from danqing_server.records.tasks import JsonObject
from danqing_server.settings.routes import Route

__all__ = ["LONGEST_STRING", "Checked", "Checker", "Taken"]

LONGEST_STRING = 64 * 1024

UNKNOWN_PROVIDER = Message(
    key="unknown_provider", en="unknown provider; known: {known}", zh="未知的服务商；可用：{known}"
)
MISSPELT_PROVIDER = Message(
    key="misspelt_provider",
    en="unknown provider; did you mean {near}? known: {known}",
    zh="未知的服务商；是否想写 {near}？可用：{known}",
)
UNKNOWN_TYPE = Message(
    key="unknown_type",
    en="unknown task type of {provider}; known: {known}",
    zh="{provider} 不支持该任务类型；可用：{known}",
)
TOO_LONG = Message(
    key="too_long",
    en="is too long: {count} characters, at most {most}",
    zh="过长：{count} 个字符，最多 {most} 个",
)


Taken = dict[str, list[ParsedReference]]
"""References of a submission, by the key of the input that they stand under."""


@attrs.frozen(kw_only=True)
class Checked:
    """A submission that will be accepted; `references` are still to be stored.

    Of one to a route, `provider` and `prepared` are of the first target that takes it. `on_ambiguous` is the policy
    of its task when it names none.
    """

    provider: ProviderInfo
    prepared: Prepared
    references: tuple[ParsedReference, ...] = attrs.field(repr=False)
    route: TaskRoute | None = None
    on_ambiguous: str | None = None

    @property
    def lane_word(self) -> str | None:
        """What names its lane among its provider's, None for the provider's own."""
        return lane_word_of(self.provider, self.prepared.model)

    @property
    def lane(self) -> str:
        """The lane it is to wait in."""
        return self.route.current.lane if self.route is not None else lane_name(self.provider.name, self.lane_word)

    @property
    def first(self) -> Prepared | RoutedTarget:
        """What whoever is to carry it out first made of it: of a route, the target where it can start."""
        return self.prepared if self.route is None else self.route.current

    @property
    def prices(self) -> Sequence[Price]:
        """What it may cost for each output, by whoever makes it."""
        told = [self.prepared.price] if self.route is None else [target.price for target in self.route.targets]
        return [price for price in told if price is not None]

    @property
    def finds_orders(self) -> bool:
        """Whether the provider can be asked what became of a lost call for the chosen model."""
        return any(model.finds_orders for model in self.provider.models if model.id == self.prepared.model)


@attrs.define(eq=False)
class Checker:
    """Checks submissions; keeps nothing."""

    assets: Assets
    registry: Registry
    default_provider: str
    max_picture_bytes: int
    max_picture_pixels: int
    uploads: Uploads
    routes: Mapping[str, Route] = attrs.field(factory=dict)

    async def check(self, submission: Submission, taken: Taken | None = None) -> Checked:
        """Return what *submission* amounts to.

        *taken* has the references by key that were read for another provider of the same submission, and gets
        those that are read now.

        Raises:
            InvalidSubmission: with one problem per wrong field, named as the client sent it.
        """
        provider = self._find_provider(submission)
        plain, parsed = await self._take_references_out(submission, provider, {} if taken is None else taken)
        prepared = self._prepare(submission, provider, plain, parsed)
        return Checked(provider=provider, prepared=prepared, references=tuple(parsed))

    def parameters(self, provider: object, wanted: object) -> Mapping[str, bool]:
        """Return a provider's parameters, by its own schemas, and whether the *wanted* model takes each.

        Both are as a client sent them: the default ones when they are no text or unknown. A route has those of its
        first target.
        """
        route = self.routes.get(wanted) if provider is None and isinstance(wanted, str) else None
        if route is not None:
            provider, wanted = route.targets[0].provider, route.targets[0].model
        name = provider if isinstance(provider, str) else self.default_provider
        info = self.registry.find_provider(name) or self.registry.find_provider(self.default_provider)
        if info is None:
            return {}
        model = _chosen_model(info, wanted)
        names = [name for each in info.models for name in _names_of(each)]
        return {name: name in _names_of(model) for name in [*names, *info.parameters, *info.reference_fields]}

    def _find_provider(self, submission: Submission) -> ProviderInfo:
        name = submission.provider or self.default_provider
        provider = self.registry.find_provider(name)
        if provider is None:
            known = ", ".join(sorted(self.registry.providers)) or "-"
            near = nearest(name, self.registry.providers)
            message = UNKNOWN_PROVIDER(known=known) if near is None else MISSPELT_PROVIDER(near=near, known=known)
            raise InvalidSubmission([Problem(field="provider", message=message, value=shorten(name))])
        if submission.type not in provider.types:
            message = UNKNOWN_TYPE(provider=provider.name, known=", ".join(provider.types))
            raise InvalidSubmission([Problem(field="type", message=message, value=shorten(submission.type))])
        return provider

    async def _take_references_out(
        self, submission: Submission, provider: ProviderInfo, taken: Taken
    ) -> tuple[dict[str, Any], list[ParsedReference]]:
        """Split the input into what stays in the task and the pictures it refers to."""
        plain = {key: value for key, value in submission.input.items() if key not in provider.reference_fields}
        problems: list[Problem] = []
        _find_long_strings(plain, "", submission.name, problems)
        given = [key for key in provider.reference_fields if submission.input.get(key) is not None]
        for key in given:
            try:
                if key not in taken:
                    taken[key] = await asyncio.to_thread(self._parse, submission.name(key), submission.input[key])
            except InvalidSubmission as error:
                problems += error.problems
        if problems:
            raise InvalidSubmission(problems)
        parsed = [reference for key in given for reference in taken[key]]
        if not parsed:
            return plain, []
        return plain, await find_own(self.assets, await self.uploads.resolve(parsed, submission.caller))

    def _parse(self, field: str, value: object) -> list[ParsedReference]:
        return parse_references(field, value, max_bytes=self.max_picture_bytes, max_pixels=self.max_picture_pixels)

    def _prepare(
        self,
        submission: Submission,
        provider: ProviderInfo,
        plain: JsonObject,
        parsed: Sequence[ParsedReference],
    ) -> Prepared:
        request = Request(
            provider=provider.name,
            type=submission.type,
            model=submission.model,
            input=plain,
            references=tuple(each.reference for each in parsed),
        )
        try:
            return self.registry.prepare(request)
        except InvalidRequest as error:
            problems = error.problems or (Problem(field="input", message=error.message),)
            raise InvalidSubmission([_as_sent(problem, submission, request) for problem in problems]) from error


def _chosen_model(info: ProviderInfo, wanted: object) -> ModelInfo:
    for model in info.models:
        if wanted == model.id or wanted in model.aliases:
            return model
    return next(model for model in info.models if model.id == info.default_model)


def _names_of(model: ModelInfo) -> Collection[str]:
    return list(model.parameters.get("properties", {}))


def _find_long_strings(value: object, path: str, name: Callable[[str], str], problems: list[Problem]) -> None:
    if isinstance(value, str) and len(value) > LONGEST_STRING:
        message = TOO_LONG(count=len(value), most=LONGEST_STRING)
        problems.append(Problem(field=name(path), message=message, value=shorten(value)))
    elif isinstance(value, dict):
        for key, item in value.items():
            _find_long_strings(item, f"{path}.{key}" if path else key, name, problems)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _find_long_strings(item, f"{path}[{number}]", name, problems)


def _as_sent(problem: Problem, submission: Submission, request: Request) -> Problem:
    """Return *problem* under the name the client used; references carry that name already."""
    known = {reference.field for reference in request.references}
    renamed = problem.field if problem.field in known else submission.name(problem.field)
    return Problem(field=renamed, message=problem.message, value=shorten(problem.value))
