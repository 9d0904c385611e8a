"""What is known to be nobody's name."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any

import attrs
import pytest

from danqing_server.records.accounts import Posting
from danqing_server.records.batches import Batch
from danqing_server.records.deliveries import Delivery
from danqing_server.records.lanes import LaneRecord
from danqing_server.records.tasks import Task
from danqing_server.records.tenancy import StoredKey
from danqing_server.store.words import CLOSED


def words_of(class_: type) -> Iterator[tuple[str, str]]:
    """Yield each field of a stored class, and of those in it, that holds words of ours, and each of them."""
    for name, annotation in typing.get_type_hints(class_).items():
        for inner in parts(annotation):
            if attrs.has(inner):
                yield from words_of(inner)
            elif isinstance(inner, type) and issubclass(inner, Enum):
                yield from ((name, word.value) for word in inner)


def parts(annotation: Any) -> Iterator[Any]:
    """Yield the classes that an annotation names."""
    arguments = typing.get_args(annotation)
    if not arguments:
        yield annotation
    for argument in arguments:
        yield from parts(argument)


@pytest.mark.parametrize("class_", [Task, Posting, LaneRecord, StoredKey, Batch, Delivery])
def test_every_word_of_ours_is_known(class_: type) -> None:
    """A field that is missing has users found in it who are called so."""
    assert [(name, word) for name, word in words_of(class_) if word not in CLOSED.get(name, ())] == []
