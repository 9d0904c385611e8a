"""Whose tasks and users are meant; here alone it is said how that stands in a document.

What was made with an API key has the key's project as `owner`; what was made without authentication has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

__all__ = ["Reach"]


@attrs.frozen
class Reach:
    """Everybody's documents, or one owner's. Only `everybody` means all: nothing does by being left out."""

    _owner: str | None
    _all: bool

    @classmethod
    def everybody(cls) -> Reach:
        """Return the reach to whatever is stored, with an owner or without."""
        return cls(None, True)

    @classmethod
    def of(cls, owner: str | None) -> Reach:
        """Return the reach to what *owner* made; None: to what was made without authentication."""
        return cls(owner, False)

    @classmethod
    def nobody(cls) -> Reach:
        """Return the reach to nothing: no project has an empty name."""
        return cls("", False)

    def covers(self, owner: str | None) -> bool:
        """Tell whether what belongs to *owner* is meant."""
        return self._all or owner == self._owner

    @property
    def is_everybody(self) -> bool:
        """Whether nothing is left out."""
        return self._all

    @property
    def owners(self) -> Sequence[str | None] | None:
        """Whose, None: everybody's."""
        return None if self._all else [self._owner]

    @property
    def filter(self) -> Mapping[str, Any]:
        """The condition of a query; MongoDB finds a field that is missing by null."""
        return {} if self._all else {"owner": self._owner}
