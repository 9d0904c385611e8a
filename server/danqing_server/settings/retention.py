"""Which tasks may go, and when: rules of `danqing.toml`, and one of the variables for all that they leave."""

from __future__ import annotations

import attrs

__all__ = ["DISK_SPARES_S", "ENDED", "NO_PROJECT", "RetentionRule"]

ENDED = ("completed", "failed", "cancelled")
"""The statuses that a rule may name; no other task ever goes."""

NO_PROJECT = "(local)"
"""Names, in a rule, the tasks that came without a key; reports of usage call them so, too."""

DISK_SPARES_S = 86400.0


@attrs.frozen(kw_only=True)
class RetentionRule:
    """For tasks of *statuses* and of *project* (empty: of all) that no rule before it is for.

    A task goes that ended longer than `keep_for_s` ago, or is not among the `keep_tasks` newest of its project; or,
    the oldest first, while more than `keep_disk_below` percent of the storage's disk are in use, unless it is
    younger than `disk_spares_s`. None: not for that reason. `where` names file and line, or the variables.
    """

    statuses: tuple[str, ...] = ENDED
    project: str = ""
    keep_for_s: float | None = None
    keep_tasks: int | None = None
    keep_disk_below: int | None = None
    disk_spares_s: float = DISK_SPARES_S
    where: str = ""

    @property
    def lets_go(self) -> bool:
        """Whether anything ever goes by it."""
        return not (self.keep_for_s is None and self.keep_tasks is None and self.keep_disk_below is None)

    def leaves(self, later: RetentionRule) -> bool:
        """Tell whether a task may be left for *later* to be for."""
        covers_project = not self.project or self.project == later.project
        return not (covers_project and set(self.statuses) >= set(later.statuses))
