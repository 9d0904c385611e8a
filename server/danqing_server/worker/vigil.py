"""How long each worker's beat has stood still: only the time counts in which MongoDB answered who watches."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

__all__ = ["Vigil"]


@attrs.frozen(kw_only=True)
class _Still:
    """A beat that was seen, and for how long it has not changed since."""

    beat: int | None
    for_s: float


@attrs.define
class Vigil:
    """Watches beats by one process's own monotonic clock. A worker without a document has the beat None."""

    _seen: Mapping[str, _Still] = attrs.field(factory=dict, init=False)
    _looked_at_s: float | None = attrs.field(default=None, init=False)

    def look(self, beats: Mapping[str, int | None], now_s: float, dead_after_s: float) -> list[str]:
        """Take in what MongoDB says now; return the workers whose beat has stood still for *dead_after_s*."""
        passed_s = 0.0 if self._looked_at_s is None else now_s - self._looked_at_s
        self._looked_at_s = now_s
        self._seen = {worker: self._still(worker, beat, passed_s) for worker, beat in beats.items()}
        return [worker for worker, still in self._seen.items() if still.for_s >= dead_after_s]

    def _still(self, worker: str, beat: int | None, passed_s: float) -> _Still:
        before = self._seen.get(worker)
        if before is None or before.beat != beat:
            return _Still(beat=beat, for_s=0.0)
        return _Still(beat=beat, for_s=before.for_s + passed_s)

    def miss(self) -> None:
        """A look was not answered: the time from the last look to the next one counts for nobody."""
        self._looked_at_s = None

    def forget(self, worker: str) -> None:
        """Count anew for *worker* alone."""
        self._seen = {name: still for name, still in self._seen.items() if name != worker}

    def begin_anew(self) -> None:
        """Forget all: nobody could renew for a while."""
        self._seen, self._looked_at_s = {}, None
