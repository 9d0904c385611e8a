"""R4: plugins are asked through pluggy, by its rules, and one's error is not another's."""

from __future__ import annotations

import attrs
import pytest

from danqing_plugins import PluginContext, TaskEvent, TaskEventKind, hookimpl
from danqing_server.plugins.installed import Stage
from danqing_server.plugins.registry import Registry, load_registry
from danqing_server.settings.server import Settings
from danqing_server.supervision.survey import Survey, describe
from tests.support.installed import all_but
from tests.support.providers import ScriptedProvider
from tests.support.system import until


@pytest.fixture
def settings() -> Settings:
    """Settings without any installed plugin."""
    return Settings.read({"DANQING_DISABLED_PLUGINS": all_but(), "DANQING_DEFAULT_PROVIDER": "scripted"})


@attrs.define
class Marked:
    """A plugin whose methods are hooks by their marks; it cannot be hashed."""

    called: list[str] = attrs.field(factory=list)

    @hookimpl
    def danqing_configure(self) -> None:
        self.called.append("configure")

    @hookimpl(specname="danqing_start")
    async def begin(self) -> None:
        self.called.append("start")

    async def danqing_start(self) -> None:
        self.called.append("unmarked start")

    def danqing_providers(self) -> None:
        self.called.append("unmarked providers")

    @hookimpl(specname="danqing_stop")
    async def end(self) -> None:
        self.called.append("stop")

    @hookimpl(specname="danqing_task_event")
    def listen(self, event: TaskEvent) -> None:
        self.called.append(event.kind)


class Broken:
    """A plugin that cannot start and cannot listen."""

    @hookimpl
    async def danqing_start(self) -> None:
        raise RuntimeError("no start")

    @hookimpl
    def danqing_task_event(self) -> None:
        raise RuntimeError("no ears")


def load(settings: Settings, **plugins: object) -> Registry:
    """Load *plugins* by name."""
    return load_registry(settings, extra=list(plugins.items()))


class TestHooks:
    async def test_what_is_marked_is_called_by_its_specification(self, settings: Settings) -> None:
        """R4: `specname` counts, an unmarked method never does, and an argument not named is not passed."""
        plugin = Marked()
        registry = load(settings, marked=plugin)
        assert [(found.name, found.error) for found in registry.plugins] == [("marked", None)]
        await registry.start()
        for listener in registry.listeners:
            listener.tell(TaskEvent(kind=TaskEventKind.CREATED, task_id="t", provider="p", model="m", user_id="u"))
        await until(lambda: "created" in plugin.called)
        await registry.stop()
        assert plugin.called == ["configure", "start", "created", "stop"]

    async def test_one_plugins_errors_are_its_own(self, settings: Settings) -> None:
        """R4: another starts, listens and stops as if it were alone."""
        plugin = Marked()
        registry = load(settings, broken=Broken(), marked=plugin, scripted=ScriptedProvider())
        await registry.start()
        assert [found.name for found in registry.plugins if found.error] == ["broken"]
        for listener in registry.listeners:
            listener.tell(TaskEvent(kind=TaskEventKind.CREATED, task_id="t", provider="p", model="m", user_id="u"))
        await registry.stop()
        assert plugin.called == ["configure", "start", "created", "stop"]
        assert list(registry.providers) == ["scripted"]

    def test_what_a_broken_plugin_raised_is_told_without_secrets(self) -> None:
        """With what was asked of it and the line that raised; a key of the environment is no word to show."""

        class Wrong:
            @hookimpl
            def danqing_configure(self, context: PluginContext) -> None:
                raise ValueError(f"no such key: {context.environment['HILLS_API_KEY']}")

        registry = load(
            Settings.read({"DANQING_DISABLED_PLUGINS": all_but(), "HILLS_API_KEY": "hills-0123456789"}),
            wrong=Wrong(),
        )
        [found] = registry.plugins
        assert (found.stage, found.error) == (Stage.CONFIGURE, "ValueError: no such key: <key>")
        assert (found.where or "").startswith("unit/test_registry.py:")

    def test_an_argument_that_no_hook_has_is_that_plugins_error(self, settings: Settings) -> None:
        """R4: pluggy refuses it when the plugin is loaded."""

        class Wrong:
            @hookimpl
            def danqing_configure(self, settings: object) -> None: ...

        registry = load(settings, wrong=Wrong(), scripted=ScriptedProvider())
        assert [found.name for found in registry.plugins if found.error] == ["wrong"]
        assert list(registry.providers) == ["scripted"]

    def test_without_a_listener_nothing_listens(self, settings: Settings) -> None:
        """What nobody uses costs nothing."""
        assert not load(settings, scripted=ScriptedProvider()).has_listeners


class TestLimits:
    @pytest.mark.parametrize(("limited", "told"), [("scripted", 0), ("volcengine", 1)])
    def test_a_limit_that_holds_for_nobody_is_told(self, limited: str, told: int) -> None:
        """Its provider got another name, say: no lane ever closed, and nothing said why."""
        settings = Settings.read(
            {"DANQING_DISABLED_PLUGINS": all_but(), "DANQING_DAILY_SPEND_LIMITS": f"{limited}:100"}
        )
        registry = load(settings, scripted=ScriptedProvider())
        assert len(registry.warnings) == told
        assert describe(registry).warnings == registry.warnings
        assert Survey.from_json(describe(registry).to_json()).warnings == registry.warnings
        for line in registry.warnings:
            assert line == (
                "DANQING_DAILY_SPEND_LIMITS: 'volcengine' is no provider now: its limit holds for nobody; "
                "providers: scripted"
            )
