"""Models that a marketplace runs: some described here, any other named by the operator.

A service with thousands of models, each with fields of its own, is offered by a short list; the operator adds what
is missing in `danqing.toml`:

    [[providers.models]]
    id = "acme/film-maker"
    kind = "video"
    count = "num_videos"           # the field that says how many; left out: one output a call
    price = "0.05"                 # for one output, in `currency`
    pictures = ["image_url"]       # fields that take reference pictures

The fields of such a model are handed on as they are: the service decides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import attrs

from danqing_plugins.catalogue import ModelInfo, OutputKind, Price
from danqing_plugins.currencies import CURRENCIES, currency_meant
from danqing_plugins.errors import ConfigurationError
from danqing_plugins.kit.parameters import Parameters
from danqing_plugins.messages import Text
from danqing_plugins.models import Prepared, Request

__all__ = ["Offer", "read_offers"]

MICRO: Final = 1_000_000
MOST_MICRO: Final = 10_000 * MICRO
"""Of one output; beyond that it is a slip of the pen."""

MOST_OUTPUTS: Final = 64
TYPES: Final[Mapping[OutputKind, tuple[str, ...]]] = {
    OutputKind.IMAGE: ("image", "image_generation"),
    OutputKind.VIDEO: ("video", "video_generation"),
    OutputKind.AUDIO: ("audio",),
    OutputKind.MODEL: ("model",),
    OutputKind.FILE: ("file",),
}
_KEYS: Final = frozenset({"id", "title", "kind", "count", "price", "currency", "pictures", "aliases"})
_FREE: Final[Mapping[str, Any]] = {"type": "object", "properties": {}, "required": [], "additionalProperties": True}


@attrs.frozen(kw_only=True)
class Offer:
    """One model. `parameters` None: any field is taken. `count` is the field that says how many, None: always one.

    `wire` has the service's names of fields that are called otherwise here. `pictures` are the fields that take
    references. `price_of` tells the price of one output of an input, where it is not the list price `price`.
    """

    id: str
    title: str
    kind: OutputKind = OutputKind.IMAGE
    parameters: Parameters | None = None
    count: str | None = None
    wire: Mapping[str, str] = attrs.field(factory=dict)
    pictures: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    price: Price | None = None
    price_of: Callable[[Mapping[str, Any]], Price] | None = None
    finds_orders: bool = False

    @property
    def info(self) -> ModelInfo:
        """It as the server lists it."""
        return ModelInfo(
            id=self.id,
            title=self.title,
            types=TYPES[self.kind],
            aliases=self.aliases,
            parameters=_FREE if self.parameters is None else self.parameters.schema(),
            price=self.price,
            kind=self.kind,
            finds_orders=self.finds_orders,
        )

    def prepare(self, request: Request, notes: Sequence[str] = (), **more: Any) -> Prepared:
        """Check *request*; *more* goes into the input. Raises InvalidRequest."""
        given = dict(request.input)
        if self.parameters is not None:
            fields = self.parameters.read(request, model=self.id)
            fields.finish()
            given = fields.given
        count = given.get(self.count, 1) if self.count is not None else 1
        if type(count) is not int or not 1 <= count <= MOST_OUTPUTS:
            count = 1  # of a model whose fields are not known: the service says what is wrong
        price = self.price if self.price_of is None else self.price_of(given)
        return Prepared(
            model=self.id,
            input={**more, **given, "pictures": [each.key for each in request.references]},
            outputs=count,
            kind=self.kind,
            price=price,
            notes=tuple(notes),
        )

    def body(self, input_: Mapping[str, Any], references: Sequence[str], count: int) -> dict[str, Any]:
        """Return the model's input as the service reads it: *references* are URLs or data URIs, in their order.

        A field of several pictures is a list; *count* is how many are still to be made.
        """
        sent = {self.wire.get(name, name): value for name, value in input_.items() if name != "pictures"}
        if self.count is not None:
            sent[self.wire.get(self.count, self.count)] = count
        names = input_.get("pictures", ())
        for name in dict.fromkeys(names):
            own = [url for key, url in zip(names, references, strict=True) if key == name]
            wire = self.wire.get(name, name)
            sent[wire] = own if len(own) > 1 or wire.endswith("s") else own[0]
        return sent


def read_offers(tables: Sequence[Mapping[str, Any]], place: str, known: Collection[str]) -> tuple[Offer, ...]:
    """Return the models that an operator named; *place* begins what is said of a mistake.

    Raises:
        ConfigurationError: a table makes no sense, or names one of the *known* ids.
    """
    found = tuple(_read(table, f"{place}[{number}]") for number, table in enumerate(tables))
    names = [*known]
    for number, offer in enumerate(found):
        if offer.id in names:
            raise ConfigurationError(f"{place}[{number}]: the model {offer.id!r} is there already")
        names.append(offer.id)
    for number, offer in enumerate(found):
        for alias in offer.aliases:
            if alias in names:
                raise ConfigurationError(f"{place}[{number}]: aliases: {alias!r} is a model's name already")
            names.append(alias)
    return found


def _read(table: Mapping[str, Any], place: str) -> Offer:
    strangers = sorted(table.keys() - _KEYS)
    if strangers:
        raise ConfigurationError(f"{place}: unknown {strangers[0]!r}; known: {', '.join(sorted(_KEYS))}")
    id_, kind = table.get("id"), table.get("kind", "image")
    if not isinstance(id_, str) or not id_.strip():
        raise ConfigurationError(f"{place}: id={id_!r} is no model's name; write it as the service does")
    if kind not in [each.value for each in OutputKind]:
        raise ConfigurationError(f"{place}: kind={kind!r}; allowed: {', '.join(OutputKind)}")
    return Offer(
        id=id_,
        title=Text(str(table.get("title", id_))),
        kind=OutputKind(kind),
        count=_word(table, "count", place),
        pictures=_words(table, "pictures", place),
        aliases=_words(table, "aliases", place),
        price=_price(table, place),
    )


def _word(table: Mapping[str, Any], key: str, place: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"{place}: {key}={value!r} is no field's name")
    return value


def _words(table: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigurationError(f"{place}: {key}={value!r} is no list of names")
    return tuple(value)


def _price(table: Mapping[str, Any], place: str) -> Price | None:
    said = table.get("price")
    if said is None:
        return None
    try:
        micro = Decimal(str(said)) * MICRO
    except InvalidOperation:
        micro = Decimal(-1)
    # A NaN cannot be compared, and an infinite or endless one be counted with.
    if not micro.is_finite() or not 0 <= micro <= MOST_MICRO or micro != micro.to_integral_value():
        raise ConfigurationError(
            f"{place}: price={said!r}; allowed: a decimal such as '0.025', of one output, up to 10000"
        )
    currency = str(table.get("currency", "USD"))
    if currency not in CURRENCIES:
        meant = currency_meant(currency) or "a code of ISO 4217, such as 'CNY'"
        raise ConfigurationError(f"{place}: currency={currency!r} is no currency's code; write {meant}")
    return Price(amount_micro=int(micro), currency=currency)
