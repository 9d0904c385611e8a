"""What a plugin author imports; see `docs/plugins.md`."""

from danqing_plugins.errors import (
    AccountProblem,
    ConfigurationError,
    ContentRejected,
    InvalidRequest,
    OutcomeUnknown,
    PluginError,
    Problem,
    RateLimited,
    Unavailable,
)
from danqing_plugins.markers import hookimpl
from danqing_plugins.messages import Message, Text, in_language
from danqing_plugins.models import (
    Job,
    ModelInfo,
    PluginContext,
    Prepared,
    Price,
    ProviderInfo,
    Reference,
    ReferenceData,
    Request,
    Result,
    Sandbox,
    Source,
    TaskEvent,
    TaskEventKind,
)
from danqing_plugins.provider import Provider
from danqing_plugins.run import Call, Log, Run
from danqing_plugins.spelling import nearest
from danqing_plugins.wrapping import Generation, Lazy, wrap

__all__ = [
    "AccountProblem",
    "Call",
    "ConfigurationError",
    "ContentRejected",
    "Generation",
    "InvalidRequest",
    "Job",
    "Lazy",
    "Log",
    "Message",
    "ModelInfo",
    "OutcomeUnknown",
    "PluginContext",
    "PluginError",
    "Prepared",
    "Price",
    "Problem",
    "Provider",
    "ProviderInfo",
    "RateLimited",
    "Reference",
    "ReferenceData",
    "Request",
    "Result",
    "Run",
    "Sandbox",
    "Source",
    "TaskEvent",
    "TaskEventKind",
    "Text",
    "Unavailable",
    "hookimpl",
    "in_language",
    "nearest",
    "wrap",
]
