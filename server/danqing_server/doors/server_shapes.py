"""What is sent of users, lanes and providers, and of the server itself."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from danqing_plugins import OutputKind
from danqing_server.http.shapes import Moment, said
from danqing_server.records.tasks import JsonObject

__all__ = [
    "DeletedShape",
    "DepthShape",
    "EventTokenShape",
    "GateShape",
    "HealthShape",
    "HoldShape",
    "LaneShape",
    "LiveShape",
    "ModelShape",
    "PluginShape",
    "PriceShape",
    "ProviderShape",
    "ProvidersShape",
    "QueueStatsShape",
    "ReadyShape",
    "RootShape",
    "RouteTargetShape",
    "RoutedModelShape",
    "UserShape",
]

_Version = Annotated[str, said("of danqing", "0.2.0")]


class UserShape(TypedDict):
    """A user of the old API."""

    id: Annotated[str, said("opaque", "019ab3f2c1d4k7m2p9qxw4et6bz3")]
    email: Annotated[str, said("unique among a key's users", "user@example.com")]
    name: Annotated[str, said("what to call the user", "张三")]
    created_at: Moment
    updated_at: Moment


class DeletedShape(TypedDict):
    """What was deleted."""

    id: Annotated[str, said("as it was asked for", "019ab3f2c1d4k7m2p9qxw4et6bz3")]


class EventTokenShape(TypedDict):
    """A token for the event streams of one project, to be sent as `?token=`."""

    token: Annotated[
        str, said("good for reading events alone", "dqe_WyJteXByb2plY3QiLCJrMSIsMTc2NDAwMDAwMDAwMF0.b3BhcXVl")
    ]
    expires_at: Moment
    expires_in_s: Annotated[int, said("seconds from now", 300)]


class HoldShape(TypedDict):
    """What holds a lane back for a while."""

    reason: Annotated[str, said("a stable word", "rate")]
    until: Moment


class GateShape(TypedDict):
    """Whether a lane gives tasks out."""

    accepting: Annotated[bool, said("whether the lane gives tasks out", True)]
    breaker: Annotated[str, said("its circuit breaker", "closed", enum=["closed", "open", "half_open"])]
    hold: Annotated[HoldShape | None, said("what holds it back for a while, beside the breaker", None)]
    models: Annotated[dict[str, Moment], said("until when single models are held", {})]
    closed_until: Annotated[Moment | None, said("null when it is open", None)]
    reason: Annotated[str | None, said("what keeps it shut", None)]


class DepthShape(TypedDict):
    """How many tasks wait."""

    queued: Annotated[int, said("ready to start", 3)]
    delayed: Annotated[int, said("waiting for their time", 1)]
    held: Annotated[int, said("with a worker", 8)]


class LaneShape(DepthShape, GateShape):
    """How a lane stands."""

    finished_per_s: Annotated[float | None, said("tasks a second, lately; null when none finished", 0.5)]
    mean_duration_s: Annotated[float | None, said("seconds one ran, lately; null when none finished", 16.0)]


class QueueStatsShape(DepthShape):
    """How full the queue is."""

    waited_s: Annotated[
        float,
        said("for how long a task has waited that may start, in a lane that gives tasks out; 0: none does", 12.5),
    ]
    lanes: Annotated[dict[str, LaneShape], said("by lane", {})]


class PriceShape(TypedDict):
    """What one unit costs, an output or another one."""

    amount: Annotated[str, said("decimal", "0.20")]
    currency: Annotated[str, said("ISO 4217", "CNY")]
    per: Annotated[str, said("what is paid for: an output, `megapixel`, `second`, `token` or `call`", "image")]
    at_most: NotRequired[Annotated[str, said("decimal, where it is a range", "0.40")]]


class ModelShape(TypedDict):
    """A model of a provider."""

    id: Annotated[str, said("what a submission names", "doubao-seedream-4-0-250828")]
    title: Annotated[str, said("for people", "Seedream 4.0")]
    types: Annotated[list[str], said("task types it takes", ["image"])]
    aliases: Annotated[list[str], said("other names for it", ["seedream-4.0"])]
    kind: Annotated[OutputKind, said("what its outputs are; a text is none", "image")]
    price: PriceShape | None
    parameters: Annotated[
        JsonObject,
        said("a JSON Schema of `input`, in the client's language, with `x-ui` for forms", {"type": "object"}),
    ]


class ProviderShape(TypedDict):
    """Who carries tasks out."""

    name: Annotated[str, said("what a submission names", "volcengine")]
    title: Annotated[str, said("for people", "火山引擎 Seedream")]
    sandbox: Annotated[bool, said("simulated: nothing is paid", False)]
    homepage: Annotated[str | None, said("about the service", "https://www.volcengine.com/")]
    default_model: Annotated[str, said("taken when a submission names none", "doubao-seedream-4-0-250828")]
    types: Annotated[list[str], said("task types it takes", ["image"])]
    reference_fields: Annotated[list[str], said("the parameters that take pictures", ["image"])]
    images_per_minute: Annotated[int | None, said("the service's own limit", 500)]
    models: list[ModelShape]


class PluginShape(TypedDict):
    """An installed plugin."""

    name: Annotated[str, said("its entry point", "volcengine")]
    version: Annotated[str | None, said("of its distribution", "0.1.0")]
    distribution: Annotated[str | None, said("what it was installed with", "danqing")]
    providers: Annotated[list[str], said("the providers it brings", ["volcengine"])]
    missing: Annotated[list[str], said("what would have to be set for a provider that is left out", [])]
    wanted: Annotated[
        list[str], said("what would have to be set for one that is simulated to be real", ["VOLCENGINE_API_KEY"])
    ]
    error: Annotated[
        str | None,
        said("what it raised, without keys and URLs, when it does not work; more in `/api/v1/server`", None),
    ]


class RouteTargetShape(TypedDict):
    """A model of a provider, behind a route."""

    provider: Annotated[str, said("its name", "volcengine")]
    model: Annotated[str, said("as the provider knows it", "doubao-seedream-4-5-251128")]
    present: Annotated[bool, said("whether that provider works", True)]


class RoutedModelShape(TypedDict):
    """A public model name, for submissions that name no provider."""

    model: Annotated[str, said("what a submission names", "poster")]
    types: Annotated[list[str], said("task types that some target takes", ["image"])]
    targets: Annotated[list[RouteTargetShape], said("the first to be tried first")]


class ProvidersShape(TypedDict):
    """What can be asked for, and what is installed."""

    default: Annotated[str, said("the provider of a submission that names none", "volcengine")]
    providers: list[ProviderShape]
    routes: Annotated[list[RoutedModelShape], said("public model names, each with several models behind it", [])]
    plugins: list[PluginShape]


class ReadyShape(TypedDict):
    """Whether requests should be sent to this process."""

    status: Annotated[str, said("at a glance", "ok", enum=["ok", "unavailable"])]
    checks: Annotated[
        dict[str, str],
        said("`ok`, or what is wrong", {"mongodb": "ok", "redis": "ok", "storage": "ok", "workers": "ok"}),
    ]


class LiveShape(TypedDict):
    """That this process answers."""

    status: Annotated[str, said("always `ok`", "ok", enum=["ok"])]
    pid: Annotated[int, said("the process that answered", 4711)]


class HealthShape(ReadyShape):
    """Whether the process and all it stands on work."""

    message: Annotated[str, said("in the client's language", "服务正常运行")]
    lanes: Annotated[dict[str, GateShape], said("by lane", {})]
    version: _Version
    sandbox: Annotated[bool, said("whether any provider is a simulator", True)]
    pid: Annotated[int, said("the process that answered", 4711)]


class RootShape(TypedDict):
    """What this is, and where to go on."""

    name: Annotated[str, said("always danqing", "danqing")]
    version: _Version
    links: Annotated[dict[str, str], said("by what is there", {"documentation": "/docs"})]
