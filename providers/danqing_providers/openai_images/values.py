"""What is known of one service: how it differs from OpenAI, and its models. Read from tables by `tables.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from danqing_plugins.kit.parameters import Parameter

__all__ = ["FreeSizes", "Knobs", "Model", "Preset"]

MIB = 1024 * 1024


@attrs.frozen(kw_only=True)
class Knobs:
    """How a service differs.

    Sending: `auth_header` carries `auth_scheme` and the key (an empty header: none is sent). `{model}` in a path
    is the model's upstream name. `query` goes with every request. Fields in `drop` are not sent, those in `rename`
    under another name; `constants` are sent always. `size_form` is `size` (WxH in one field), `width_height` or
    `aspect_ratio`. `most_per_call` pictures come of one call, `most_outputs` of one task. `references` says how
    pictures go out: `multipart` (a form to `edits_path`), `json_images` (`images` of `{image_url}`, the same path),
    `json_image` (`image` or `images` of `{url, type}`, the same path), `json_fields` (a string in each of
    `reference_names`, to `generations_path`), `json_list` (a list in the first of them, the same path) or `none`;
    `raw_base64` without `data:`. `extra` passes on unknown fields.

    Reading: `items` is where pictures stand in the answer. `moderation_flag` is an item's flag that is false when
    it was taken back, `empty_is_moderation`: an answer without pictures was refused. `ticks_per_unit` is what
    `usage.cost_in_usd_ticks` counts of one unit of the currency, 0 for none. `streams`: partial pictures come as
    events. `request_ids` are the headers that may name the request.

    Errors by code: `*_codes`; by status, after the codes: `*_statuses`.
    """

    auth_header: str = "Authorization"
    auth_scheme: str = "Bearer"
    generations_path: str = "/images/generations"
    edits_path: str = "/images/edits"
    query: Mapping[str, str] = attrs.field(factory=dict)
    drop: tuple[str, ...] = ()
    rename: Mapping[str, str] = attrs.field(factory=dict)
    constants: Mapping[str, Any] = attrs.field(factory=dict)
    size_form: str = "size"
    most_per_call: int = 1
    most_outputs: int = 10
    longest_prompt: int = 32_000
    references: str = "none"
    reference_names: tuple[str, ...] = ("image",)
    reference_formats: tuple[str, ...] = ("png", "jpeg", "webp")
    reference_bytes: int = 50 * MIB
    raw_base64: bool = False
    extra: bool = False
    items: str = "data"
    moderation_flag: str = ""
    empty_is_moderation: bool = False
    ticks_per_unit: int = 0
    streams: bool = False
    request_ids: tuple[str, ...] = ("x-request-id",)
    moderation_codes: tuple[str, ...] = ()
    account_codes: tuple[str, ...] = ()
    rate_codes: tuple[str, ...] = ()
    model_rate_codes: tuple[str, ...] = ()
    unavailable_codes: tuple[str, ...] = ()
    invalid_codes: tuple[str, ...] = ()
    account_statuses: tuple[int, ...] = ()
    unavailable_statuses: tuple[int, ...] = ()


@attrs.frozen(kw_only=True)
class FreeSizes:
    """Which `WxH` are taken beside the named ones: both edges multiples of `step`, in pixels."""

    step: int = 1
    least_edge: int = 1
    most_edge: int = 16_384
    most_ratio: float | None = None
    least_pixels: int = 1
    most_pixels: int = 2**31


@attrs.frozen(kw_only=True)
class Model:
    """One model.

    `upstream` is its name there. `takes` are its parameters beside prompt, n, size and pictures. `sizes` are the
    named ones (empty, and no `free`: it takes no size); `default_size` is sent when none is asked for, unless it is
    `auto`. `lane` is a word of models that share limits of their own. `price` is for one picture, in the preset's
    currency, up to `price_most` (None: exact). `tokens` has the price of a million: `text_in`, `image_in`,
    `text_out`, `image_out`; `by_quality` the price of a picture of 1024x1024, for estimates of a model billed by
    tokens.
    """

    id: str
    title: Any
    upstream: str
    aliases: tuple[str, ...] = ()
    takes: Mapping[str, Parameter] = attrs.field(factory=dict)
    sizes: tuple[str, ...] = ()
    default_size: str | None = None
    free: FreeSizes | None = None
    most_per_call: int | None = None
    least_references: int = 0
    most_references: int = 0
    mask: bool = False
    lane: str | None = None
    price: float | None = None
    price_most: float | None = None
    tokens: Mapping[str, float] = attrs.field(factory=dict)
    by_quality: Mapping[str, float] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Preset:
    """One service. `base_url` None: it must be set. `images_per_minute` None: no limit is known."""

    name: str
    title: Any
    base_url: str | None
    currency: str
    default_model: str
    models: Mapping[str, Model]
    knobs: Knobs
    homepage: str | None = None
    concurrency: int = 64
    images_per_minute: int | None = None

    def find(self, name: str) -> Model | None:
        """Return the model of that id or alias."""
        found = self.models.get(name)
        return found or next((model for model in self.models.values() if name in model.aliases), None)
