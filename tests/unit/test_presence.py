"""Which providers there are, real, simulated or left out, by what is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from danqing_plugins import (
    ConfigurationError,
    PluginContext,
    Prepared,
    Provider,
    ProviderInfo,
    Request,
    Sandbox,
    Setting,
)
from danqing_plugins.catalogue import ModelInfo
from danqing_plugins.options import Written
from danqing_plugins.settings import choice
from danqing_server.errors import SettingsError
from danqing_server.plugins.registry import Registry, load_registry
from danqing_server.settings.providers import ConfiguredProvider
from danqing_server.settings.routes import Route, Target
from danqing_server.settings.server import Settings
from tests.support.installed import all_but

KEYS = {"BRUSH_KEY": "b" * 20, "CHALK_KEY": "c" * 20}


class Painter(Provider):
    """A provider of any name, that says what it was given."""

    context: PluginContext

    @property
    def info(self) -> ProviderInfo:
        return ProviderInfo(
            name=self.context.name,
            title="Painter",
            models=(ModelInfo(id="one", title="One"),),
            default_model="one",
            sandbox=self.context.sandbox,
            homepage=f"{self.context.options.get('api_key')} {self.context.sandbox_url}",
        )

    def configure(self, context: PluginContext) -> None:
        self.context = context

    def prepare(self, request: Request) -> Prepared:
        return Prepared(model="one", input={"by": self.context.name})

    async def generate(self, job: Any, run: Any) -> None:
        return None


class Brush(Painter):
    name = "brush"
    settings = (Setting(name="api_key", variable="BRUSH_KEY", secret=True, help="The key."),)
    sandbox = Sandbox(provider="brush", module="studio", path="/brush")


class Chalk(Painter):
    name = "chalk"
    settings = (Setting(name="api_key", variable="CHALK_KEY", secret=True, help="The key."),)
    sandbox = Sandbox(provider="chalk", module="studio", path="/chalk")


class Pencil(Painter):
    """Needs nothing, and has no simulator."""

    name = "pencil"


PLUGINS: Sequence[tuple[str, Any]] = (("brush", Brush), ("chalk", Chalk), ("pencil", Pencil))


def load(*listed: ConfiguredProvider, routes: Sequence[Route] = (), **variables: str) -> Registry:
    """Load the three plugins with *variables* and the providers that a file lists."""
    base = {"DANQING_DISABLED_PLUGINS": all_but(), "DANQING_SANDBOX_URL": "http://127.0.0.1:9"}
    settings = attrs.evolve(Settings.read({**base, **variables}), providers=listed, routes=tuple(routes))
    return load_registry(settings, extra=PLUGINS)


def modes(registry: Registry) -> dict[str, str]:
    """Return of each provider that there is whether it is simulated."""
    return {name: "sandbox" if info.sandbox else "real" for name, info in registry.providers.items()}


def listed(name: str, plugin: str = "brush", line: int = 3, **options: Any) -> ConfiguredProvider:
    """Return a provider as the file has it."""
    where = f"danqing.toml:{line}"
    sandbox, enabled = options.pop("sandbox", False), options.pop("enabled", True)
    written = {key: Written(value=value, where=where) for key, value in options.items()}
    return ConfiguredProvider(
        name=name, plugin=plugin, where=where, options=written, sandbox=sandbox, enabled=enabled
    )


def mistakes(*listed: ConfiguredProvider, routes: Sequence[Route] = (), **variables: str) -> tuple[str, ...]:
    """Return the lines that refuse the start."""
    with pytest.raises(SettingsError) as refused:
        load(*listed, routes=routes, **variables)
    return refused.value.lines


class TestEnvironmentAlone:
    def test_without_any_key_every_simulator_stands_in(self) -> None:
        """`make run` serves them all; each says what it lacks, and is told where its own simulator begins."""
        registry = load()
        assert modes(registry) == {"brush": "sandbox", "chalk": "sandbox", "pencil": "real"}
        wanted = {plugin.name: plugin.wanted for plugin in registry.plugins}
        assert wanted == {"brush": ("BRUSH_KEY",), "chalk": ("CHALK_KEY",), "pencil": ()}
        assert registry.providers["chalk"].homepage == "None http://127.0.0.1:9/chalk"
        assert {(one.provider, one.module, one.path) for one in registry.sandboxes()} == {
            ("brush", "studio", "/brush"),
            ("chalk", "studio", "/chalk"),
        }

    def test_with_one_key_the_others_are_left_out_and_say_what_they_lack(self) -> None:
        """A picture that looks real and is simulated would be worse than none."""
        registry = load(CHALK_KEY=KEYS["CHALK_KEY"])
        assert modes(registry) == {"chalk": "real", "pencil": "real"}
        assert {plugin.name: plugin.missing for plugin in registry.plugins} == {
            "brush": ("BRUSH_KEY",),
            "chalk": (),
            "pencil": (),
        }
        assert registry.providers["chalk"].homepage == f"{KEYS['CHALK_KEY']} None"
        assert registry.sandboxes() == ()

    def test_one_may_be_simulated_beside_real_ones(self) -> None:
        """Also when it has a key."""
        assert modes(load(**KEYS, DANQING_SANDBOX="brush")) == {
            "brush": "sandbox",
            "chalk": "real",
            "pencil": "real",
        }
        assert modes(load(CHALK_KEY=KEYS["CHALK_KEY"], DANQING_SANDBOX="brush"))["brush"] == "sandbox"
        assert modes(load(**KEYS, DANQING_SANDBOX="all"))["chalk"] == "sandbox"

    def test_who_asks_for_some_gets_those(self) -> None:
        """Nothing else is simulated that nobody asked for."""
        assert modes(load(DANQING_SANDBOX="brush")) == {"brush": "sandbox", "pencil": "real"}

    def test_asking_for_what_is_not_there_is_a_mistake(self) -> None:
        """With the nearest name; and so is asking for a simulator that nobody wrote."""
        assert mistakes(DANQING_SANDBOX="brsh,pencil") == (
            "DANQING_SANDBOX: 'brsh' is no provider; did you mean brush? allowed: brush, chalk, pencil, all",
            "DANQING_SANDBOX: provider 'pencil' has no simulator",
        )

    def test_a_wrong_value_refuses_the_start_only_where_it_matters(self) -> None:
        """What is left out may be as wrong as it likes."""
        line = "BRUSH_KEY still holds a placeholder: set the real one, or leave it empty to work with the sandbox"
        assert mistakes(BRUSH_KEY="xxx") == (f"{line} at no cost",)
        crayon = listed("brush", api_key="$BRUSH_KEY", enabled=False)
        assert modes(load(crayon, BRUSH_KEY="xxx", CHALK_KEY=KEYS["CHALK_KEY"])) == {
            "chalk": "real",
            "pencil": "real",
        }

    def test_a_limit_for_a_misspelt_provider_is_a_mistake(self) -> None:
        """Nothing would keep to it. One whose provider is left out or disabled may stay."""
        assert mistakes(DANQING_DAILY_SPEND_LIMITS="chlk:5") == (
            "DANQING_DAILY_SPEND_LIMITS: 'chlk' is no provider; did you mean chalk?",
        )
        kept = load(BRUSH_KEY=KEYS["BRUSH_KEY"], DANQING_DAILY_SPEND_LIMITS="chalk:5,elsewhere:5")
        assert "chalk" not in kept.providers

    def test_an_alias_that_means_no_model_is_told(self) -> None:
        """Only clients were told, by 404; a route, a model, and a model of a named provider are right."""
        route = Route(model="poster", targets=(Target(provider="brush", model="one"),))
        right = "a:one,b:brush/one,c:poster"
        assert load(routes=[route], **KEYS, DANQING_MODEL_ALIASES=right).warnings == ()
        assert load(**KEYS, DANQING_MODEL_ALIASES=f"{right},d:brush/two").warnings == (
            "DANQING_MODEL_ALIASES: 'c' means 'poster', which is no model now",
            "DANQING_MODEL_ALIASES: 'd' means 'brush/two', which is no model now",
        )

    def test_the_default_is_the_one_set_or_the_first(self) -> None:
        """A name that is not there is told with the nearest."""
        assert load().default_provider == "brush"
        assert load(DANQING_DEFAULT_PROVIDER="chalk").default_provider == "chalk"
        assert load(DANQING_DEFAULT_PROVIDER="chalk").sandboxes()[0].provider == "chalk"
        assert mistakes(DANQING_DEFAULT_PROVIDER="chlk") == (
            "DANQING_DEFAULT_PROVIDER: 'chlk' is not present; did you mean chalk? allowed: brush, chalk, pencil",
        )


class TestFile:
    def test_one_plugin_may_bring_several_providers(self) -> None:
        """Each with its own key, asked by its own name."""
        registry = load(
            listed("first", api_key="$BRUSH_KEY"), listed("second", api_key="$SECOND"), **KEYS, SECOND="s" * 20
        )
        assert modes(registry) == {"first": "real", "second": "real", "chalk": "real", "pencil": "real"}
        assert registry.providers["second"].homepage == f"{'s' * 20} None"
        for name in ("first", "second", "chalk"):
            request = Request(provider=name, type="image", model=None, input={})
            assert registry.prepare(request).input == {"by": name}
        assert next(plugin.providers for plugin in registry.plugins if plugin.name == "brush") == (
            "first",
            "second",
        )

    def test_a_provider_without_its_key_names_the_variable(self) -> None:
        """The file says that it is wanted: it is not left out in silence."""
        way_out = "set it, or write sandbox = true for"
        assert mistakes(
            listed("first", api_key="$BRSH_KEY"), listed("second", "chalk", 8), listed("third"), BRUSH_KEY="b" * 20
        ) == (
            "danqing.toml:3: api_key: the variable BRSH_KEY is not set (did you mean $BRUSH_KEY?); "
            f"{way_out} 'first'",
            f"danqing.toml:8: api_key is not set, nor is CHALK_KEY; {way_out} 'second'",
        )

    def test_without_any_key_what_is_listed_is_simulated(self) -> None:
        """An example file works as it is, and says of each why it is not real; by a wish it needs no reason."""
        registry = load(listed("first", api_key="$FIRST"), listed("second", sandbox=False))
        assert modes(registry)["first"] == modes(registry)["second"] == "sandbox"
        assert [line.partition("; ")[2] for line in registry.warnings] == [
            "as no provider has its key, it is simulated"
        ] * 2
        assert registry.warnings[0].startswith("danqing.toml:")
        assert load(listed("first", api_key="$FIRST", sandbox=True)).warnings == ()

    def test_what_is_not_enabled_is_not_there(self) -> None:
        """Nor does its plugin bring the provider that it would without the file."""
        assert modes(load(listed("brush", enabled=False))) == {"chalk": "sandbox", "pencil": "real"}

    def test_an_unknown_plugin_is_named_with_the_nearest(self) -> None:
        """File, line, and what is installed."""
        assert mistakes(listed("first", "brsh")) == (
            "danqing.toml:3: plugin 'brsh' is not installed; did you mean brush? allowed: brush, chalk, pencil",
        )

    def test_a_plugins_settings_may_depend_on_what_is_written(self) -> None:
        """A preset says which variable holds its key."""

        class Preset(Painter):
            name = "many"

            @classmethod
            def settings_for(cls, written: Mapping[str, Any]) -> tuple[Setting, ...]:
                variable = f"{str(written.get('preset', 'openai')).upper()}_KEY"
                return (
                    Setting(name="preset", kind=choice("openai", "together"), default="openai", help="Which."),
                    Setting(name="api_key", variable=variable, secret=True, help="The key."),
                )

        base = {"DANQING_DISABLED_PLUGINS": all_but(), "OPENAI_KEY": "o" * 20, "TOGETHER_KEY": "t" * 20}
        one = ConfiguredProvider(name="one", plugin="many", where="danqing.toml:2")
        written = {"preset": Written(value="together", where="danqing.toml:6")}
        two = ConfiguredProvider(name="two", plugin="many", where="danqing.toml:5", options=written)
        settings = attrs.evolve(Settings.read(base), providers=(one, two))
        registry = load_registry(settings, extra=[("many", Preset)])
        assert registry.providers["one"].homepage == f"{'o' * 20} None"
        assert registry.providers["two"].homepage == f"{'t' * 20} None"


class TestRoutes:
    """What a route leads to has to be there."""

    @staticmethod
    def _route(*targets: tuple[str, str]) -> Route:
        named = tuple(
            Target(provider=provider, model=model, where="danqing.toml:13") for provider, model in targets
        )
        return Route(model="poster", targets=named, where="danqing.toml:12")

    def test_a_wrong_target_is_named_with_the_nearest(self) -> None:
        """Provider or model, or what a provider lacks that is left out."""
        routes = [self._route(("brsh", "one"), ("brush", "on"), ("chalk", "one"), ("brush", "one"))]
        assert mistakes(routes=routes, BRUSH_KEY="b" * 20) == (
            "danqing.toml:13: to: 'brsh' is no provider; did you mean brush? allowed: brush, pencil",
            "danqing.toml:13: to: 'on' is no model of brush; did you mean one? allowed: one",
            "danqing.toml:13: to: provider 'chalk' is left out, for want of CHALK_KEY",
        )

    def test_right_ones_are_taken(self) -> None:
        """Simulated ones, too."""
        assert load(routes=[self._route(("brush", "one"), ("chalk", "one"))]).default_provider == "brush"


class Careless(Painter):
    name = "careless"

    @classmethod
    def settings_for(cls, written: Mapping[str, Any]) -> tuple[Setting, ...]:
        return {"small": ()}[written.get("preset", "large")]


def test_a_plugin_that_cannot_say_what_is_set_is_broken_alone() -> None:
    """Its error is listed, and the others are there."""
    settings = Settings.read({"DANQING_DISABLED_PLUGINS": all_but(), **KEYS})
    registry = load_registry(settings, extra=[("careless", Careless), ("brush", Brush)])
    errors = {plugin.name: plugin.error for plugin in registry.plugins}
    assert errors == {"careless": "KeyError: 'large'", "brush": None}
    assert list(registry.providers) == ["brush"]


class Picky(Painter):
    name = "picky"
    settings = (Setting(name="folder", help="Where its brushes are."),)

    def configure(self, context: PluginContext) -> None:
        raise ConfigurationError(f"{context.place_of('folder')}: there is none")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "danqing.toml:7: folder: there is none"),
        ({"folder": Written(value="a", where="danqing.toml:9")}, "danqing.toml:9: folder: there is none"),
    ],
)
def test_what_is_wrong_with_an_option_that_is_not_set_has_its_providers_line(
    options: Mapping[str, Written], told: str
) -> None:
    """Of two providers of one plugin nobody could tell which is meant."""
    listed = ConfiguredProvider(name="second", plugin="picky", where="danqing.toml:7", options=options)
    settings = attrs.evolve(Settings.read({"DANQING_DISABLED_PLUGINS": all_but()}), providers=(listed,))
    with pytest.raises(SettingsError) as refused:
        load_registry(settings, extra=[("picky", Picky)])
    assert list(refused.value.lines) == [told]
