"""Which models a caller may have asked: what the lists of its project and of its key name."""

from __future__ import annotations

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.errors import ModelNotAllowed

__all__ = ["check_model"]

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
    names = (model, f"{provider}/{model}") if route is None else (route,)
    whose = caller.limits.forbids_model(*names)
    if whose is not None:
        raise ModelNotAllowed(NOT_ALLOWED[whose](model=names[0]))
