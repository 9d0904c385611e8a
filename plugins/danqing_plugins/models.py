"""The values of a task, and of a plugin's start, that cross the boundary to the server. All are frozen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from danqing_plugins.catalogue import OutputKind, Price, several

__all__ = [
    "FoundOrder",
    "Job",
    "LostCall",
    "NeverPlaced",
    "PluginContext",
    "Prepared",
    "Reference",
    "ReferenceData",
    "Request",
    "Result",
    "Sandbox",
    "Source",
]

_MAPPING = attrs.validators.instance_of(Mapping)  # type: ignore[type-abstract]  # mypy #4717: any type will do


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
    kind: OutputKind = attrs.field(default=OutputKind.IMAGE, converter=OutputKind)
    single_call: bool = False
    price: Price | None = None
    notes: tuple[str, ...] = attrs.field(default=(), converter=several)


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
    kind: OutputKind | None = attrs.field(default=None, converter=attrs.converters.optional(OutputKind))

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

    output: Mapping[str, Any] = attrs.field(factory=dict, validator=_MAPPING)
    usage: Mapping[str, Any] = attrs.field(factory=dict, validator=_MAPPING)


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
    `options` has the value of each of `Provider.settings` by name, `places` where those that were set come from;
    `where` is the provider's own place in `danqing.toml`, empty when it does not stand there.
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
    where: str = ""
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    data_dir: Path
    call_timeout_s: float
    sandbox: bool = False
    sandbox_url: str | None = None

    def place_of(self, setting: str) -> str:
        """Return where a setting was set, to begin an error with: a variable, or `danqing.toml:12: region`.

        One that is not set is lacking where its provider stands.
        """
        lacking = f"{self.where}: {setting}" if self.where else setting
        return self.places.get(setting, lacking)
