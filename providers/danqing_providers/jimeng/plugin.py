"""The plugin: 即梦 as a provider."""

from __future__ import annotations

from typing import Final

import attrs
from aiohttp import ClientSession

from danqing_plugins import (
    ConfigurationError,
    InvalidRequest,
    Job,
    PluginContext,
    Prepared,
    Provider,
    ProviderInfo,
    Request,
    Result,
    Run,
    Sandbox,
    Text,
    Unavailable,
)
from danqing_plugins.kit.http import Service
from danqing_plugins.settings import Setting, url, whole
from danqing_providers.jimeng import texts
from danqing_providers.jimeng.catalogue import DEFAULT_MODEL, MODELS
from danqing_providers.jimeng.orders import JimengOrders, action, service_at

__all__ = ["JimengProvider"]

ENDPOINT: Final = "https://visual.volcengineapi.com"
SANDBOX_KEYS: Final = ("AKLTsandbox", "sandbox-secret")
NOBODYS_TASK: Final = {"req_key": DEFAULT_MODEL, "task_id": "1"}


@attrs.frozen(kw_only=True)
class _Configured:
    base_url: str | None
    key_id: str = attrs.field(repr=False)
    secret: str = attrs.field(repr=False)
    timeout_s: float
    info: ProviderInfo


class JimengProvider(Provider):
    """The models of 即梦."""

    name = "jimeng"
    sandbox = Sandbox(provider="jimeng", module="danqing_providers.sandbox", path="/jimeng")
    settings = (
        Setting(
            name="access_key",
            variable="VOLC_ACCESSKEY",
            secret=True,
            help=Text("The access key id of Volcengine, `AKLT…`.", "火山引擎的 Access Key ID，形如 `AKLT…`。"),
        ),
        Setting(
            name="secret_key",
            variable="VOLC_SECRETKEY",
            secret=True,
            help=Text("The secret access key that belongs to it.", "与之对应的 Secret Access Key。"),
        ),
        Setting(
            name="endpoint",
            variable="JIMENG_ENDPOINT",
            kind=url(),
            default=ENDPOINT,
            help=Text("The address of Volcengine's visual service.", "火山引擎视觉服务的地址。"),
        ),
        Setting(
            name="concurrency",
            variable="JIMENG_CONCURRENCY",
            kind=whole(1, 1000),
            default=2,
            help=Text(
                "How many tasks one process runs at once; the service allows 1 or 2 of a model.",
                "每个进程同时执行的任务数；服务对每个模型通常只允许 1 到 2 个。",
            ),
        ),
    )

    def __init__(self) -> None:
        self._configured: _Configured | None = None

    @property
    def info(self) -> ProviderInfo:
        return self._require().info

    def configure(self, context: PluginContext) -> None:
        options = context.options
        base_url = context.sandbox_url if context.sandbox else options["endpoint"]
        keys = SANDBOX_KEYS if context.sandbox else (options["access_key"], options["secret_key"])
        self._configured = _Configured(
            base_url=base_url,
            key_id=keys[0],
            secret=keys[1],
            timeout_s=context.call_timeout_s,
            info=ProviderInfo(
                name=context.name,
                title="即梦",
                models=tuple(model.offer.info for model in MODELS.values()),
                default_model=DEFAULT_MODEL,
                reference_fields=("image",),
                concurrency=options["concurrency"],
                sandbox=context.sandbox,
                endpoint=base_url,
                homepage="https://www.volcengine.com/docs/85621",
            ),
        )

    def prepare(self, request: Request) -> Prepared:
        return MODELS[self.find_model(request).id].prepare(request)

    async def generate(self, job: Job, run: Run) -> Result | None:
        model = MODELS.get(job.model)
        if model is None:
            raise InvalidRequest(texts.MODEL_GONE(model=job.model), code="model_gone")
        return await JimengOrders(service=self._service(), takes_bytes=model.takes_bytes).carry_out(job, run)

    async def prove_account(self, session: ClientSession) -> bool:
        """Ask for a task that nobody has: the gateway looks at the signature first."""
        if not self._require().base_url:
            return False
        return await self._service().takes_key(session, "/", NOBODYS_TASK, params=action("CVSync2AsyncGetResult"))

    def _service(self) -> Service:
        configured = self._require()
        if not configured.base_url:
            raise Unavailable(texts.NO_ENDPOINT(), code="no_endpoint")
        return service_at(configured.base_url, configured.key_id, configured.secret, configured.timeout_s)

    def _require(self) -> _Configured:
        if self._configured is None:
            raise ConfigurationError("the provider jimeng was used before it was configured")
        return self._configured
