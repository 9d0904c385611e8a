"""What a plugin author imports; see `docs/plugins.md`."""

from danqing_plugins.catalogue import Limits, ModelInfo, OutputKind, Price, ProviderInfo
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
from danqing_plugins.events import TaskEvent, TaskEventKind
from danqing_plugins.markers import hookimpl
from danqing_plugins.messages import Message, Text, in_language
from danqing_plugins.models import (
    FoundOrder,
    Job,
    LostCall,
    NeverPlaced,
    PluginContext,
    Prepared,
    Reference,
    ReferenceData,
    Request,
    Result,
    Sandbox,
    Source,
)
from danqing_plugins.outcomes import Billed
from danqing_plugins.provider import Provider
from danqing_plugins.run import Call, Log, Run
from danqing_plugins.settings import Setting
from danqing_plugins.spelling import nearest
from danqing_plugins.wrapping import Generation, Lazy, wrap

__all__ = [
    "AccountProblem",
    "Billed",
    "Call",
    "ConfigurationError",
    "ContentRejected",
    "FoundOrder",
    "Generation",
    "InvalidRequest",
    "Job",
    "Lazy",
    "Limits",
    "Log",
    "LostCall",
    "Message",
    "ModelInfo",
    "NeverPlaced",
    "OutcomeUnknown",
    "OutputKind",
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
    "Setting",
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
