"""What a client asks for."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from danqing_server.access.caller import Caller
from danqing_server.records.tasks import JsonObject, Priority, TaskWebhook

__all__ = ["Repeat", "Submission"]


@attrs.frozen(kw_only=True)
class Repeat:
    """How to recognise that a submission was made before.

    `key` is a hash of the client's Idempotency-Key and of whose it is, or of the request itself when identical
    requests are to be joined. `fingerprint` is a hash of the request as it was sent, `meaning` a hash of what it
    meant (None: the same); requests that mean the same, because one spells a null out, say, are the same.
    `joins_for_s` None: the key decides, for as long as it is kept. Else only a task that is unfinished and at most
    that many seconds old is answered again. `kept_at_least_s` is how long the key is known, though the settings say
    less: what it stands for is no key of the client's own.
    """

    key: str
    fingerprint: str
    meaning: str | None = None
    joins_for_s: float | None = None
    kept_at_least_s: float = 0.0


@attrs.frozen(kw_only=True)
class Submission:
    """A request whose shape the HTTP layer has checked.

    `input` is the flat object the provider sees. `name` turns one of its keys into the name the client used
    (`options.size`). `delay_s` 0 is at once. `on_ambiguous` None leaves it to the server's policy. `repeat` None:
    every submission is a task of its own. `webhook` is who is told of it, beside the project's own endpoints.
    every submission is a task of its own. `notes` are what its door has to say of how it read the request.
    """

    provider: str | None
    type: str
    model: str | None
    input: JsonObject = attrs.field(repr=False)
    user_id: str
    caller: Caller
    delay_s: int = 0
    priority: Priority = Priority.NORMAL
    on_ambiguous: str | None = None
    name: Callable[[str], str] = str
    repeat: Repeat | None = None
    webhook: TaskWebhook | None = None
    notes: tuple[str, ...] = ()
