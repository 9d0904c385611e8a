"""What plugin authors import, and the page that tells them how."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

import danqing_plugins
from danqing_plugins import PluginError, errors, hooks
from danqing_plugins.run import Call, Run

PAGE = (Path(__file__).parents[3] / "docs" / "plugins.md").read_text()
HEADINGS = re.findall(r"^#+ `(.+)`$", PAGE, re.MULTILINE)

PUBLIC = [
    "AccountProblem",
    "Billed",
    "Call",
    "ConfigurationError",
    "ContentRejected",
    "FoundOrder",
    "Generation",
    "InvalidRequest",
    "Job",
    "Lazy",
    "Limits",
    "Log",
    "LostCall",
    "Message",
    "ModelInfo",
    "NeverPlaced",
    "OutcomeUnknown",
    "OutputKind",
    "PluginContext",
    "PluginError",
    "Prepared",
    "Price",
    "Problem",
    "Provider",
    "ProviderInfo",
    "RateLimited",
    "Reference",
    "ReferenceData",
    "Request",
    "Result",
    "Run",
    "Sandbox",
    "Setting",
    "Source",
    "TaskEvent",
    "TaskEventKind",
    "Text",
    "Unavailable",
    "hookimpl",
    "in_language",
    "nearest",
    "wrap",
]


def _signature(function: FunctionType) -> str:
    """Return `name(arguments) -> result` as the source has it, without `self`."""
    shown = re.sub(r"\(self(, )?", "(", str(inspect.signature(function)), count=1)
    return f"{function.__name__}{shown}".replace("'", "")


def _functions(owner: ModuleType | type) -> list[FunctionType]:
    """Return the public functions written in *owner*, methods included."""
    found = [thing for name, thing in vars(owner).items() if not name.startswith("_")]
    return [thing for thing in found if isinstance(thing, FunctionType)]


HOOKS = [function for function in _functions(hooks) if function.__name__.startswith("danqing_")]


class TestNames:
    """`danqing_plugins`."""

    def test_public_names_are_these(self) -> None:
        """Plugins rely on them: one that goes breaks somebody, one that comes has to be documented."""
        assert danqing_plugins.__all__ == PUBLIC
        assert all(hasattr(danqing_plugins, name) for name in PUBLIC)

    def test_importing_it_loads_no_server(self) -> None:
        """A plugin's tests need attrs, pluggy and aiohttp, and nothing else of ours."""
        unwanted = ("danqing_server", "danqing_providers", "sanic", "motor", "pymongo", "redis", "cattrs", "pytest")
        code = f"import sys, danqing_plugins.testing; print(*set(sys.modules) & set({unwanted!r}))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.split() == []


class TestPage:
    """docs/plugins.md."""

    def test_there_are_hooks(self) -> None:
        """The search for them finds what it should."""
        assert {function.__name__ for function in HOOKS} == set(hooks.__all__)

    @pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.__name__)
    def test_every_hook_has_a_heading_equal_to_its_signature(self, hook: FunctionType) -> None:
        """A hook that changes changes the page with it."""
        assert _signature(hook) in HEADINGS

    def test_no_heading_names_a_hook_that_is_gone(self) -> None:
        """What the page promises exists."""
        told = {heading.partition("(")[0] for heading in HEADINGS if heading.startswith("danqing_")}
        assert told == set(hooks.__all__)

    @pytest.mark.parametrize("method", [*_functions(Run), *_functions(Call)], ids=lambda method: method.__name__)
    def test_every_method_of_a_run_stands_in_it(self, method: FunctionType) -> None:
        """The run is the author's whole world, so all of it is told."""
        owner = "call" if method in _functions(Call) else "run"
        assert f"`{owner}.{_signature(method)}`" in PAGE

    @pytest.mark.parametrize("name", [name for name in errors.__all__ if name not in ("PluginError", "Problem")])
    def test_every_error_has_a_row(self, name: str) -> None:
        """An author finds what the server does about each."""
        assert issubclass(getattr(errors, name), PluginError)
        assert re.search(rf"^\| `{name}\b.*` \|", PAGE, re.MULTILINE)
