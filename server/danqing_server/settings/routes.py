"""Routes: public model names, and the providers' models that stand behind each, in the order they are tried."""

from __future__ import annotations

import attrs

__all__ = ["Route", "Target"]


@attrs.frozen(kw_only=True)
class Target:
    """A model of a provider. `model` is an id or alias as the provider knows it; `where` its file and line."""

    provider: str
    model: str
    where: str = attrs.field(default="", eq=False)


@attrs.frozen(kw_only=True)
class Route:
    """A public model name; `targets` has at least one, each once, the first to be tried first.

    `on_ambiguous` is the policy of its tasks that name none themselves: `retry` or `fail`; None: the server's.
    `on_rejected` says what follows when moderation refuses: `fail`, or `next`: another target is asked.
    `where` names file and line (`danqing.toml:12`).
    """

    model: str
    targets: tuple[Target, ...]
    on_ambiguous: str | None = None
    on_rejected: str = "fail"
    where: str = ""
