"""A plugin that hangs, leaves the process or says what nobody can show takes itself away, and nothing else."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import attrs
import pytest

from danqing_plugins import (
    Limits,
    ModelInfo,
    PluginContext,
    Prepared,
    ProviderInfo,
    Request,
    TaskEvent,
    TaskEventKind,
    hookimpl,
)
from danqing_plugins.testing import check_info
from danqing_server.loops.listeners import Listener
from danqing_server.plugins.installed import Stage
from danqing_server.plugins.loading import Loading
from danqing_server.plugins.registry import Plugin, load_registry
from danqing_server.settings.server import Settings
from tests.support.installed import all_but
from tests.support.providers import ScriptedProvider


@pytest.fixture
def settings() -> Settings:
    """Settings without any installed plugin."""
    return Settings.read({"DANQING_DISABLED_PLUGINS": all_but(), "DANQING_DEFAULT_PROVIDER": "scripted"})


class Hanging(ScriptedProvider):
    """Waits at its start for what never comes, and does not let itself be cancelled."""

    async def start(self) -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if asyncio.current_task() in self.let_go:
                    raise

    let_go: set[Any] = set()  # noqa: RUF012 — the test's, for the end


class Leaving:
    """Leaves the process whenever it is asked for anything at its start."""

    @hookimpl
    def danqing_configure(self, context: PluginContext) -> None:
        sys.exit("no configuration")


class LeavingLater(ScriptedProvider):
    """Leaves the process when it is started, and when it is to check a request."""

    async def start(self) -> None:
        sys.exit(1)

    def prepare(self, request: Request) -> Prepared:
        sys.exit(1)


@attrs.define(eq=False)
class Saying(ScriptedProvider):
    """Says of itself what a test gives it."""

    said: dict[str, Any] = attrs.field(factory=dict)

    @property
    def info(self) -> ProviderInfo:
        return attrs.evolve(super().info, **self.said)


class TestHanging:
    async def test_a_start_that_does_not_end_is_given_up(self, settings: Settings) -> None:
        """The server waited for it for ever, and nothing said for whom."""
        hanging = Hanging(name="hanging")
        registry = load_registry(settings, extra=[("hanging", hanging), ("scripted", ScriptedProvider())])
        async with asyncio.timeout(5):
            await registry.start(within_s=0.05)
        [found] = [plugin for plugin in registry.plugins if plugin.error]
        assert (found.name, found.stage, found.error) == (
            "hanging",
            Stage.START,
            "TimeoutError: did not end within 0.05 s",
        )
        assert list(registry.providers) == ["scripted"]
        left = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        hanging.let_go |= left
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


class TestLeaving:
    """`sys.exit()` in a plugin ended the process, and the paid calls of all others in it."""

    def test_one_that_leaves_while_it_is_loaded_is_broken(self, settings: Settings) -> None:
        """A script without its guard, say."""
        loading = Loading(settings=settings)

        def script() -> None:
            sys.exit(0)

        loading.add(Plugin(name="script"), script)
        loading.add(Plugin(name="leaving"), Leaving)
        loading.finish()
        assert [(plugin.name, plugin.stage) for plugin in loading.plugins] == [
            ("script", Stage.IMPORT),
            ("leaving", Stage.CONFIGURE),
        ]
        assert {plugin.error for plugin in loading.plugins} == {"RuntimeError: the plugin called sys.exit()"}
        assert all((plugin.where or "").startswith("unit/test_rogue_plugins.py:") for plugin in loading.plugins)

    async def test_one_that_leaves_at_its_start_is_withdrawn(self, settings: Settings) -> None:
        registry = load_registry(settings, extra=[("leaving", LeavingLater())])
        await registry.start()
        assert [(plugin.stage, plugin.providers) for plugin in registry.plugins] == [(Stage.START, ("scripted",))]
        assert not registry.providers

    def test_one_that_leaves_in_a_request_fails_that_request(self, settings: Settings) -> None:
        registry = load_registry(settings, extra=[("leaving", LeavingLater())])
        request = Request(provider="scripted", type="image", model=None, input={"prompt": "a"})
        with pytest.raises(RuntimeError, match=r"sys\.exit"):
            registry.prepare(request)

    async def test_one_that_leaves_while_it_listens_has_heard(self) -> None:
        heard: list[bool] = []

        async def leave() -> None:
            sys.exit(1)

        listener = Listener("leaving", lambda _event: [leave()])
        event = TaskEvent(kind=TaskEventKind.CREATED, task_id="t", provider="p", model="m", user_id="u")
        listener.tell(event, heard.append)
        await listener.stop(1.0)
        assert heard == [True]


class TestInfo:
    @pytest.mark.parametrize(
        ("said", "rule"),
        [
            ({"models": (ModelInfo(id="one", title="One", parameters={"seen": {1}}),)}, "says of 'one' is no JSON"),
            ({"concurrency": 0}, "concurrency of lane 'scripted' is 0"),
            ({"lanes": {"film": Limits(concurrency=0)}}, "concurrency of lane 'scripted:film' is 0"),
        ],
    )
    def test_what_nobody_could_show_or_carry_out_is_refused(
        self, settings: Settings, said: dict[str, Any], rule: str
    ) -> None:
        """The list of all providers could not be answered; the tasks of the lane waited for ever."""
        registry = load_registry(
            settings, extra=[("odd", Saying(said=said)), ("good", ScriptedProvider(name="good"))]
        )
        [found] = [plugin for plugin in registry.plugins if plugin.error]
        assert rule in (found.error or "")
        assert list(registry.providers) == ["good"]

    def test_one_text_is_one_text(self) -> None:
        """`("image")` is no tuple: a model took the types i, m, a, g and e, and passed every check."""
        word: Any = "image"
        model = ModelInfo(id="one", title="One", types=word, aliases=word)
        info = ProviderInfo(
            name="odd", title="Odd", models=(model,), default_model="one", reference_fields=word, parameters=word
        )
        assert (info.types, info.reference_fields, info.parameters) == (("image",),) * 3
        assert model.aliases == ("image",)
        assert Prepared(model="one", input={}, notes=word).notes == ("image",)

    def test_the_kit_looks_at_every_lane(self) -> None:
        """One without places is found before a task waits for it."""
        with pytest.raises(AssertionError, match="lane film: concurrency is 0"):
            check_info(Saying(said={"lanes": {"film": Limits(concurrency=0)}}))
