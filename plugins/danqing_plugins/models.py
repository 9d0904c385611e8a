"""The values that cross the boundary between the server and a plugin. All are frozen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import attrs

__all__ = [
    "FoundOrder",
    "Job",
    "Limits",
    "LostCall",
    "ModelInfo",
    "NeverPlaced",
    "OutputKind",
    "PluginContext",
    "Prepared",
    "Price",
    "ProviderInfo",
    "Reference",
    "ReferenceData",
    "Request",
    "Result",
    "Sandbox",
    "Source",
    "TaskEvent",
    "TaskEventKind",
]


class OutputKind(StrEnum):
    """What an output is. Texts and other data are no outputs: they are a `Result`."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    MODEL = "model"
    FILE = "file"


@attrs.frozen(kw_only=True)
class Price:
    """What one `unit` costs, in millionths of a unit of `currency` (ISO 4217), so that sums are exact.

    A model's list price may be by any unit; what `Prepared` says is for one output of that very request, or for the
    call of a task without outputs. `most_micro` is the upper end of an estimate, None when the price is exact.
    """

    amount_micro: int
    currency: str
    unit: Literal["output", "megapixel", "second", "token", "call"] = "output"
    most_micro: int | None = None


@attrs.frozen(kw_only=True)
class ModelInfo:
    """One model of a provider, as listed by `GET /api/v1/providers`.

    `parameters` is a JSON Schema (2020-12) of the `input` object, for forms and documentation: an object with
    `properties` and `required`. `price` is None when unknown. `kind` is what its outputs are. `lane` is a word that
    models share whose limits are their own (see `ProviderInfo.lanes`), None where the provider's hold.
    `finds_orders`: `Provider.find_order` may tell what became of a call whose answer was lost.
    """

    id: str
    title: str
    types: tuple[str, ...] = ("image",)
    aliases: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = attrs.field(factory=dict)
    price: Price | None = None
    kind: OutputKind = OutputKind.IMAGE
    lane: str | None = None
    finds_orders: bool = False


@attrs.frozen(kw_only=True)
class Limits:
    """What a service allows: tasks that one process runs at once; outputs and calls a minute over all of them.

    None: no limit of that kind is known.
    """

    concurrency: int = 64
    outputs_per_minute: int | None = None
    calls_per_minute: int | None = None


@attrs.frozen(kw_only=True)
class ProviderInfo:
    """What a plugin says of one provider it brings.

    `name` is what clients send as `provider`: lower-case letters, digits and `_`, beginning with a letter.
    `reference_fields` names the input keys that hold reference pictures (a string or a list of strings: URL, data
    URI or one of our own pictures); the server takes them out of the input before `danqing_prepare`.
    `concurrency` is how many tasks one process runs at once, `images_per_minute` and `calls_per_minute` the
    service's own limits, kept over all processes (None: none known); `lanes` has those of models that name a lane
    of their own. `parameters` names what the service knows beside the schemas of its models, so that whoever sends
    it in the wrong place is told where it belongs.
    `sandbox` is True when calls go to a simulator and cost nothing. `endpoint` is the service's base URL: when that
    is public, pictures are fetched from public addresses and from its own host only (None: from anywhere).
    """

    name: str
    title: str
    models: tuple[ModelInfo, ...]
    default_model: str
    reference_fields: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    concurrency: int = 64
    images_per_minute: int | None = None
    calls_per_minute: int | None = None
    sandbox: bool = False
    endpoint: str | None = None
    homepage: str | None = None
    lanes: Mapping[str, Limits] = attrs.field(factory=dict)

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Every task type that some model of this provider takes, in the order first named."""
        return tuple(dict.fromkeys(type_ for model in self.models for type_ in model.types))


@attrs.frozen(kw_only=True)
class Reference:
    """A picture that a task refers to, with what is known of it at submission.

    Exactly one of `url` (somewhere else; nothing about it is known) and `asset` (a key in our own storage) is
    set once the task is stored. While `danqing_prepare` runs, a data URI has neither yet, and `width`,
    `height`, `media_type` and `size_bytes` are already known. `field` names where it came from (`image[0]`).
    """

    field: str
    url: str | None = None
    asset: str | None = None
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    size_bytes: int | None = None

    @property
    def key(self) -> str:
        """The key of the input that it came from: `image` for `options.image[0]`."""
        return re.sub(r"^(options|input)\.", "", self.field).partition("[")[0]


@attrs.frozen(kw_only=True)
class ReferenceData:
    """The bytes of a reference, read from our storage or fetched from a public address."""

    body: bytes = attrs.field(repr=False)
    media_type: str


@attrs.frozen(kw_only=True)
class Request:
    """A submission, before it is a task: what `danqing_prepare` checks.

    `model` is None when the client named none. `input` is the client's own JSON object, without the keys that
    `reference_fields` names; those are in `references`.
    """

    provider: str
    type: str
    model: str | None
    input: Mapping[str, Any] = attrs.field(repr=False)
    references: tuple[Reference, ...] = attrs.field(default=(), repr=False)


@attrs.frozen(kw_only=True)
class Prepared:
    """A request that the provider has checked and will carry out.

    `input` is what `job.input` will be: JSON values only. `outputs` is the largest number of outputs that may come
    out, of `kind` unless their `Source` says otherwise; 0 for a task whose answer is text or other data.
    `single_call` is True when exactly one paid call covers all of them, sent soon after the task starts: its
    write-ahead then travels with the task's own start. `notes` tells the user what was changed (a mapped size,
    say); they stand in the task.
    """

    model: str
    input: Mapping[str, Any] = attrs.field(repr=False)
    outputs: int = 1
    kind: OutputKind = OutputKind.IMAGE
    single_call: bool = False
    price: Price | None = None
    notes: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Job:
    """One task, as handed to `danqing_generate`.

    `attempt` counts from 1; a task that was retried or whose process died comes again with the next number.
    """

    task_id: str
    user_id: str
    provider: str
    type: str
    model: str
    input: Mapping[str, Any] = attrs.field(repr=False)
    outputs: int
    kind: OutputKind = OutputKind.IMAGE
    references: tuple[Reference, ...] = attrs.field(default=(), repr=False)
    attempt: int = 1


@attrs.frozen(kw_only=True)
class LostCall:
    """A paid call whose answer was lost: when it left, for which outputs, its `fingerprint` and its `id`.

    The id is `Call.id`, unique within its task: with the task's id it makes one to order under. The fingerprint is
    empty when only the task's start was written before its process died.
    """

    id: str
    fingerprint: str
    sent_at: datetime
    indexes: tuple[int, ...]


@attrs.frozen(kw_only=True)
class FoundOrder:
    """The service knows the order of a lost call: `saved` is what `Run.checkpoint` would have saved of it.

    It is added to what was saved before.
    """

    saved: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class NeverPlaced:
    """The service is sure not to know an order for a lost call: nothing was bought, and it may be made again."""


@attrs.frozen(kw_only=True)
class Source:
    """Where a finished output is to be had: a `url` to fetch, or the output itself, as bytes or base64.

    Make one with `Source.from_url`, `from_bytes` or `from_base64`. `kind` None: what the task makes.
    """

    url: str | None = attrs.field(default=None, repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)
    base64: str | None = attrs.field(default=None, repr=False)
    kind: OutputKind | None = None

    @classmethod
    def from_url(cls, url: str, kind: OutputKind | None = None) -> Source:
        """An output to be fetched by GET; the URL is saved before the download begins. A data URI is base64."""
        return cls.from_base64(url, kind) if url[:5].lower() == "data:" else cls(url=url, kind=kind)

    @classmethod
    def from_bytes(cls, body: bytes, kind: OutputKind | None = None) -> Source:
        """An output that is already here."""
        return cls(body=body, kind=kind)

    @classmethod
    def from_base64(cls, text: str, kind: OutputKind | None = None) -> Source:
        """An output in base64, decoded by the server; line breaks, no padding and a `data:` prefix are no harm."""
        return cls(base64=text, kind=kind)


@attrs.frozen(kw_only=True)
class Result:
    """What a generation returns beside its outputs.

    `output` is merged into the task's output: JSON values, for services that answer with data. `usage` is the
    service's own count (tokens, images), added up over the calls of a task when the values are numbers.
    """

    output: Mapping[str, Any] = attrs.field(factory=dict)
    usage: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Sandbox:
    """A simulator that `danqing serve` starts beside itself when the provider has no key.

    `module` is run as `python -m MODULE --port N --data-dir DIR`; it answers 200 at `/ping` when it is ready.
    Several providers may name one module: it runs once. `path` (`/ark`, or empty) is where the provider's service
    begins in it: `PluginContext.sandbox_url` ends with it.
    """

    provider: str
    module: str
    path: str = ""


@attrs.frozen(kw_only=True)
class PluginContext:
    """What a plugin is given to configure itself from.

    `name` is what the provider is called, and what `ProviderInfo.name` must be: one plugin may bring several.
    `options` has the value of each of `Provider.settings` by name, `places` where those that were set come from.
    `environment` holds the process's variables over those of `.env`. `sandbox` is True when calls are to go to the
    simulator; `sandbox_url` is its base URL then, with the provider's path and without a trailing slash (None: not
    running, as when plugins are only listed), and None when the real service is to be used. `call_timeout_s` is the
    longest one upstream call may take, in seconds.

    A plugin that declares no settings has an empty name and no options; its `sandbox_url` is that of the simulator
    whether it wants one or not.
    """

    name: str = ""
    options: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    places: Mapping[str, str] = attrs.field(factory=dict)
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    data_dir: Path
    call_timeout_s: float
    sandbox: bool = False
    sandbox_url: str | None = None

    def place_of(self, setting: str) -> str:
        """Return where a setting was set, to begin an error with: a variable, or `danqing.toml:12: region`."""
        return self.places.get(setting, setting)


class TaskEventKind(StrEnum):
    """What happened to a task. `retrying`: it waits again, after a failure or by its user's wish.

    `amended`: its status is as it was; what became of a paid call turned out after its attempt was given up.
    """

    CREATED = "created"
    STARTED = "started"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETED = "deleted"
    AMENDED = "amended"


@attrs.frozen(kw_only=True)
class TaskEvent:
    """One change of a task's status, told after it is stored, at least once.

    `id` is the same when a change is told again, and of no other. `at` is when it happened, in UTC: what is told
    again comes late.
    """

    kind: TaskEventKind
    task_id: str
    provider: str
    model: str
    user_id: str
    error_code: str | None = None
    id: str = ""
    at: datetime | None = None
