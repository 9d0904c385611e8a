"""Which models a caller may have asked: what the lists of its project and of its key name."""

from __future__ import annotations

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.errors import ModelNotAllowed

__all__ = ["check_model", "may_ask"]

NOT_ALLOWED = {
    "project": Message(
        key="model_not_of_project",
        en="this project may not use the model `{model}`",
        zh="此项目不可使用模型 `{model}`",
    ),
    "key": Message(
        key="model_not_of_key",
        en="this API key may not use the model `{model}`",
        zh="此 API 密钥不可使用模型 `{model}`",
    ),
}


def check_model(caller: Caller, provider: str, model: str, route: str | None) -> None:
    """Refuse what no list of the project or of the key names: a *route* by its own name, whatever its targets are.

    Raises:
        ModelNotAllowed: the message says whose list it is.
    """
    if not caller.limits.are_any:
        return
    name = model if route is None else route
    whose = caller.limits.forbids_model(*_names(None if route is not None else provider, name))
    if whose is not None:
        raise ModelNotAllowed(NOT_ALLOWED[whose](model=name))


def may_ask(caller: Caller, provider: str | None, model: str) -> bool:
    """Tell whether `check_model` would let *caller* ask for *model*, without a *provider* a route."""
    return caller.limits.forbids_model(*_names(provider, model)) is None


def _names(provider: str | None, model: str) -> tuple[str, ...]:
    return (model,) if provider is None else (model, f"{provider}/{model}")
