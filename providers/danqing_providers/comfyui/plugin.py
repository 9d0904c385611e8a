"""The plugin: ComfyUI servers of one's own as a provider, its workflows as models."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
from aiohttp import ClientSession

from danqing_plugins import (
    ConfigurationError,
    Job,
    ModelInfo,
    OutputKind,
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
from danqing_plugins.kit.parameters import Parameters
from danqing_plugins.settings import Setting, text, texts, whole
from danqing_providers.comfyui import examples_folder
from danqing_providers.comfyui import texts as told
from danqing_providers.comfyui.choosing import Servers
from danqing_providers.comfyui.generation import PICTURED, Generation, cancel
from danqing_providers.comfyui.inputs import LARGEST_SEED, batch_of
from danqing_providers.comfyui.parameters import SIZE, parameters_of
from danqing_providers.comfyui.server import Server
from danqing_providers.comfyui.workflows import Workflow, read_folder

__all__ = ["ComfyUIProvider"]

_TYPES: Final[Mapping[OutputKind, tuple[str, ...]]] = {
    OutputKind.IMAGE: ("image", "image_generation"),
    OutputKind.VIDEO: ("video", "video_generation"),
    OutputKind.AUDIO: ("audio",),
    OutputKind.MODEL: ("model",),
}
_HOW_MANY_EACH: Final = 2
_FIRST: Final = "text_to_image"


@attrs.frozen(kw_only=True)
class _Configured:
    servers: Servers
    workflows: Mapping[str, Workflow]
    parameters: Mapping[str, Parameters]
    info: ProviderInfo


class ComfyUIProvider(Provider):
    """One or more ComfyUI servers that have the same models and nodes."""

    name = "comfyui"
    sandbox = Sandbox(provider="comfyui", module="danqing_providers.sandbox", path="/comfyui")
    settings = (
        Setting(
            name="servers",
            variable="COMFYUI_URL",
            kind=texts(),
            required=True,
            help=Text(
                "The servers, such as `http://127.0.0.1:8188`; tasks go to the one with the shortest queue.",
                "服务器地址，如 `http://127.0.0.1:8188`；任务交给队列最短的一台。",
            ),
        ),
        Setting(
            name="workflows",
            variable="COMFYUI_WORKFLOWS",
            kind=text("a folder"),
            help=Text(
                "The folder of workflows in API format, each a model; empty: `comfyui` in the data folder.",
                "存放 API 格式工作流的目录，每个文件即一个模型；为空时使用数据目录下的 `comfyui`。",
            ),
        ),
        Setting(
            name="concurrency",
            variable="COMFYUI_CONCURRENCY",
            kind=whole(1, 1000),
            help=Text(
                "How many tasks one process hands on at once; empty: two for each server.",
                "每个进程同时交付的任务数；为空时每台服务器两个。",
            ),
        ),
    )

    def __init__(self) -> None:
        self._configured: _Configured | None = None

    @property
    def info(self) -> ProviderInfo:
        return self._require().info

    def configure(self, context: PluginContext) -> None:
        servers = _servers(context)
        workflows = {each.id: each for each in _read_workflows(context)}
        parameters = {each.id: parameters_of(each) for each in workflows.values()}
        info = ProviderInfo(
            name=context.name,
            title="ComfyUI",
            models=tuple(_model(each, parameters[each.id]) for each in workflows.values()),
            default_model=_FIRST if _FIRST in workflows else next(iter(workflows)),
            reference_fields=tuple({each.name: None for flow in workflows.values() for each in flow.pictures}),
            concurrency=context.options.get("concurrency") or _HOW_MANY_EACH * max(1, len(servers)),
            sandbox=context.sandbox,
            # The rule for links knows one host: with several they lead to whichever made the picture.
            endpoint=servers[0].url if len(servers) == 1 else None,
            homepage="https://docs.comfy.org",
        )
        self._configured = _Configured(
            servers=Servers(servers), workflows=workflows, parameters=parameters, info=info
        )

    def prepare(self, request: Request) -> Prepared:
        configured = self._require()
        workflow = configured.workflows[self.find_model(request).id]
        fields = configured.parameters[workflow.id].read(request, model=workflow.id)
        own = {each.name for each in workflow.inputs if each.type != "picture"}
        if SIZE not in own and fields.has(SIZE) and (fields.has("width") or fields.has("height")):
            fields.refuse(SIZE, told.SIZE_TWICE())
        fields.finish()
        given = fields.given if SIZE in own else _with_sides(fields.given)
        batch = workflow.input("batch")
        each = batch_of(workflow.graph) if batch is None else given.get(batch.name, batch.default)
        return Prepared(
            model=workflow.id,
            input={**({} if PICTURED in own else {PICTURED: _pictured(request)}), **_defaults(workflow), **given},
            outputs=len(workflow.givers) * int(each),
            kind=workflow.kind,
        )

    async def generate(self, job: Job, run: Run) -> Result | None:
        configured = self._require()
        workflow = configured.workflows.get(job.model)
        if not configured.servers.all:
            raise Unavailable(told.NO_SERVER(), code="no_endpoint")
        return await Generation(job=job, run=run, workflow=workflow, servers=configured.servers).carry_out()

    async def cancel_order(self, job: Job, run: Run) -> bool:
        return await cancel(run)

    async def prove_account(self, session: ClientSession) -> bool:
        """Ask each server how many wait there: it has no key, and has to be there."""
        for server in self._require().servers.all:
            await server.waiting(session)
        return True

    def _require(self) -> _Configured:
        if self._configured is None:
            raise ConfigurationError("the ComfyUI provider was used before it was configured")
        return self._configured


def _servers(context: PluginContext) -> tuple[Server, ...]:
    if context.sandbox:
        return (Server(context.sandbox_url),) if context.sandbox_url else ()
    found = []
    for address in context.options["servers"]:
        url = address.rstrip("/")
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
            allowed = "an address such as `http://127.0.0.1:8188`, without user name, query and fragment"
            raise ConfigurationError(f"{context.place_of('servers')}: {address!r} is no server; allowed: {allowed}")
        found.append(Server(url))
    return tuple(found)


def _read_workflows(context: PluginContext) -> tuple[Workflow, ...]:
    named = context.options.get("workflows")
    folder = Path(named) if named else context.data_dir / "comfyui"
    if context.sandbox and not named and not folder.is_dir():
        folder = examples_folder()
    if not folder.is_dir():
        raise ConfigurationError(
            f"{context.place_of('workflows')}: there is no folder {str(folder)!r} of workflows"
        )
    found = read_folder(folder)
    if not found:
        raise ConfigurationError(f"{folder}: holds no workflow; save one there with 'Export (API)' as NAME.json")
    return found


def _model(workflow: Workflow, parameters: Parameters) -> ModelInfo:
    return ModelInfo(
        id=workflow.id,
        title=workflow.title,
        types=_TYPES.get(workflow.kind, ("file",)),
        aliases=workflow.aliases,
        parameters=parameters.schema(),
        kind=workflow.kind,
    )


def _with_sides(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return *given* with a size as its two sides."""
    plain = dict(given)
    if SIZE in plain and "x" in plain[SIZE]:
        width, height = plain.pop(SIZE).split("x")
        plain |= {"width": int(width), "height": int(height)}
    return plain


def _defaults(workflow: Workflow) -> dict[str, Any]:
    """Return a seed of this task's own: with the one in the file ComfyUI would give the picture it has."""
    seed = workflow.input("seed")
    return {} if seed is None else {seed.name: secrets.randbelow(int(seed.maximum or LARGEST_SEED) + 1)}


def _pictured(request: Request) -> list[str]:
    """Return the names of the picture inputs that were given, in the order of the references."""
    return [each.key for each in request.references]
