"""The base class of providers: write `info`, `prepare` and `generate`, and the hooks are done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from danqing_plugins.catalogue import ModelInfo, ProviderInfo
from danqing_plugins.errors import InvalidRequest, Problem
from danqing_plugins.markers import hookimpl
from danqing_plugins.messages import Message
from danqing_plugins.models import (
    FoundOrder,
    Job,
    LostCall,
    NeverPlaced,
    PluginContext,
    Prepared,
    Request,
    Result,
    Sandbox,
)
from danqing_plugins.run import Run
from danqing_plugins.settings import Setting
from danqing_plugins.spelling import nearest
from danqing_plugins.wrapping import Lazy

if TYPE_CHECKING:
    from aiohttp import ClientSession

__all__ = ["Provider"]

MISSPELT_MODEL = Message(
    key="misspelt_model",
    en="unknown model; did you mean {near}? known: {known}",
    zh="未知的模型；是否想写 {near}？可用：{known}",
)
UNKNOWN_MODEL = Message(key="unknown_model", en="unknown model; known: {known}", zh="未知的模型；可用：{known}")
OTHER_TYPE = Message(
    key="model_of_other_type",
    en="takes tasks of the type {types}, not {type}",
    zh="该模型的任务类型是 {types}，不是 {type}",
)


class Provider(ABC):
    """One provider. The entry point names its class; the server makes an instance for each provider of it.

    `name` is what the provider is called unless `danqing.toml` names it otherwise. `settings` is what can be set of
    it, `sandbox` its simulator (its `provider` does not matter here), None when it has none. A class without `name`
    is made once, takes no options, and is asked for its simulator by `danqing_sandbox`.
    """

    name: ClassVar[str] = ""
    settings: ClassVar[tuple[Setting, ...]] = ()
    sandbox: ClassVar[Sandbox | None] = None

    @classmethod
    def settings_for(cls, written: Mapping[str, Any]) -> tuple[Setting, ...]:
        """Return the settings of a provider whose options in the file are *written*, not yet checked.

        For those whose preset decides which variable holds the key, say.
        """
        return cls.settings

    @property
    @abstractmethod
    def info(self) -> ProviderInfo:
        """Who this is and what it offers; asked for once, after `configure`."""

    @abstractmethod
    def prepare(self, request: Request) -> Prepared:
        """Check *request* and turn it into what `generate` will get. No I/O.

        Raises:
            InvalidRequest: with one `Problem` per wrong field.
        """

    @abstractmethod
    async def generate(self, job: Job, run: Run) -> Result | None:
        """Make the outputs that `run.missing` names and hand each to `run.deliver`.

        Raises:
            PluginError: see `danqing_plugins.errors` for what each kind makes the server do.
        """

    def configure(self, context: PluginContext) -> None:  # noqa: B027 — optional for the author
        """Read settings. Raises ConfigurationError to refuse the start."""

    async def start(self) -> None:  # noqa: B027 — optional for the author
        """Open what the provider needs, in each serving process."""

    async def stop(self) -> None:  # noqa: B027 — optional for the author
        """Close what `start` opened."""

    async def find_order(self, job: Job, run: Run, lost: LostCall) -> FoundOrder | NeverPlaced | None:
        """Ask the service for the order of a call whose answer was lost; None: it cannot tell.

        Asked for models that say `finds_orders` only.
        """
        return None

    async def cancel_order(self, job: Job, run: Run) -> bool:
        """Ask the service to drop the order in `run.saved`; True: it did, and charges nothing."""
        return False

    async def prove_account(self, session: ClientSession) -> bool:
        """Ask the service something that costs nothing and needs the key; False: there is nothing of the kind.

        Raises:
            AccountProblem: it does not take the key.
            Unavailable, RateLimited: it could not be asked.
        """
        return False

    def find_model(self, request: Request) -> ModelInfo:
        """Return the model that *request* names by id or alias, or the default one of its type.

        Raises:
            InvalidRequest: no model of that name takes the request's type; the message lists those that do, or
                the types of the one that is meant.
        """
        usable = [model for model in self.info.models if request.type in model.types]
        wanted = _default(self.info.default_model, usable) if request.model is None else request.model
        for model in usable:
            if wanted == model.id or wanted in model.aliases:
                return model
        self._check_type(request)
        known = ", ".join(model.id for model in usable) or "-"
        near = nearest(wanted, [name for model in usable for name in (model.id, *model.aliases)])
        message = UNKNOWN_MODEL(known=known) if near is None else MISSPELT_MODEL(near=near, known=known)
        problem = Problem(field="model", message=message, value=wanted)
        raise InvalidRequest(problem.message, problems=[problem])

    def _check_type(self, request: Request) -> None:
        """Raise InvalidRequest of a model that is on offer, and takes tasks of other types only."""
        named = [model for model in self.info.models if request.model in (model.id, *model.aliases)]
        types = tuple(dict.fromkeys(type_ for model in named for type_ in model.types))
        if types and request.type not in types:
            message = OTHER_TYPE(types=", ".join(types), type=request.type)
            raise InvalidRequest(message, problems=[Problem(field="model", message=message, value=request.model)])

    @hookimpl
    def danqing_configure(self, context: PluginContext) -> None:
        self.configure(context)

    @hookimpl
    def danqing_providers(self) -> Sequence[ProviderInfo]:
        return [self.info]

    @hookimpl
    def danqing_prepare(self, request: Request) -> Prepared | None:
        return self.prepare(request) if request.provider == self.info.name else None

    @hookimpl
    def danqing_generate(self, job: Job, run: Run) -> Awaitable[Result | None] | None:
        if job.provider != self.info.name:
            return None
        return Lazy(lambda: self.generate(job, run))

    @hookimpl
    def danqing_find_order(
        self, job: Job, run: Run, lost: LostCall
    ) -> Awaitable[FoundOrder | NeverPlaced | None] | None:
        if job.provider != self.info.name:
            return None
        return Lazy(lambda: self.find_order(job, run, lost))

    @hookimpl
    def danqing_cancel_order(self, job: Job, run: Run) -> Awaitable[bool] | None:
        return Lazy(lambda: self.cancel_order(job, run)) if job.provider == self.info.name else None

    @hookimpl
    def danqing_prove_account(self, provider: str, session: ClientSession) -> Awaitable[bool] | None:
        return Lazy(lambda: self.prove_account(session)) if provider == self.info.name else None

    @hookimpl
    def danqing_start(self) -> Awaitable[None]:
        return Lazy(self.start)

    @hookimpl
    def danqing_stop(self) -> Awaitable[None]:
        return Lazy(self.stop)


def _default(name: str, usable: Sequence[ModelInfo]) -> str:
    """Return *name* where it is usable, else the first that is."""
    ids = [model.id for model in usable]
    return name if name in ids or not ids else ids[0]
